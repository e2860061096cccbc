"""Every way in which a command can end badly: one file an exit status, and this the one way in.

A class that is added to a file is exported from here. The order of the files is that of `explain`.
"""

# isort: off
from balados_db.errors.tree import *
from balados_db.errors.usage import *
from balados_db.errors.consent import *
from balados_db.errors.protected import *
from balados_db.errors.busy import *
from balados_db.errors.stale import *
from balados_db.errors.partial import *
from balados_db.errors.unreachable import *
from balados_db.errors.failed import *
from balados_db.errors.ended import *
