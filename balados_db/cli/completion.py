"""`completion`: the script by which a shell completes balados-db's words."""

from __future__ import annotations

import click

from balados_db.answers.learning import CompletionAnswer
from balados_db.cli.options import command
from balados_db.cli.session import Session
from balados_db.report import Report


@command(
    "completion",
    """Print the script by which a shell completes commands, options and the manifest's names.

    \b
    bash   eval "$(balados-db completion bash)"        in ~/.bashrc (bash 4.4 or newer)
    zsh    eval "$(balados-db completion zsh)"         in ~/.zshrc, after compinit
    fish   balados-db completion fish | source         in ~/.config/fish/config.fish

    Schemas, projectors, migrations and environments come from the nearest manifest, or the one that --manifest names
    on the line. No database is asked. The phrase of --confirm is never proposed.""",
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(session: Session, shell: str) -> Report:
    """Needs neither a manifest nor a database."""
    from balados_db.cli.main import cli
    from balados_db.cli.shells import answer

    script = answer(cli, f"{shell}_source")
    return Report(command=session.command, result=CompletionAnswer(shell=shell, script=script), text=script)
