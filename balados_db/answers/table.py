"""What each command answers, as types: the one table that JSON, its schemas and the documentation come from."""

from __future__ import annotations

from collections.abc import Mapping

from balados_db.answers import files, learning, looking
from balados_db.answers.answer import Answer

# By the command as it is typed. Where it is `Answer` alone, the steps and the plan say everything.
ANSWERS: Mapping[str, type[Answer]] = {
    "create": Answer,
    "init": Answer,
    "up": Answer,
    "migrate": Answer,
    "rollback": Answer,
    "new": files.NewAnswer,
    "adopt": Answer,
    "schema create": Answer,
    "schema migrate": Answer,
    "status": looking.StatusAnswer,
    "verify": looking.VerifyAnswer,
    "doctor": looking.DoctorAnswer,
    "reset": Answer,
    "plan": files.PlanAnswer,  # whichever command is planned
    "apply": files.ApplyAnswer,
    "rebuild status": looking.RebuildAnswer,
    "rebuild wait": looking.RebuildAnswer,
    "environment show": looking.EnvironmentAnswer,
    "environment set": Answer,
    "history": looking.HistoryAnswer,
    "docs": looking.DocsAnswer,
    "check": files.CheckAnswer,
    "guide": learning.GuideAnswer,
    "completion": learning.CompletionAnswer,
    "explain": learning.ExplainAnswer,
    "demo": learning.DemoAnswer,
    "server start": files.ServerStartAnswer,
    "server stop": files.ServerStopAnswer,
    "server url": files.ServerUrlAnswer,
    "manifest check": files.ManifestCheckAnswer,
    "manifest schema": files.ManifestSchemaAnswer,
    "manifest init": files.ManifestInitAnswer,
    "help": learning.HelpAnswer,  # of --help, whichever command it is about
    "version": learning.VersionAnswer,  # of --version
}
