"""The words of balados-db: frozen facts about manifests and databases. No I/O, no third party.

This is the one way in; a class that is added to a file is exported from here.
"""

from balados_db.model.kinds import *
from balados_db.model.manifest import *
from balados_db.model.migrations import *
from balados_db.model.outsiders import *
from balados_db.model.projectors import *
from balados_db.model.schemas import *
from balados_db.model.state import *
