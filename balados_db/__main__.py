"""`python -m balados_db`."""

from balados_db.cli.main import main

main()
