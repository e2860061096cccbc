"""How bash, zsh and fish ask for completions, and how each wants them: click's machinery, with the shells' own quoting.

The scripts hand over the line as it is; what is typed may be quoted, and names may hold blanks, colons and quotes.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
)

SEPARATOR = "\x1f"  # between words: nobody types it


@dataclass(frozen=True)
class Typed:
    """A word as it is typed: what it means, the quote that is still open in it, and its raw text with where each
    character of its meaning begins."""

    text: str
    quote: str
    raw: str


def typed_words(line: str) -> list[Typed]:
    """Split a command line that may end in the middle of a word, or of a quotation."""
    words: list[Typed] = []
    text, raw, quote = "", "", ""
    at, inside = 0, False
    while at < len(line):
        char = line[at]
        taken = line[at : at + 2] if char == "\\" and quote != "'" else char
        escapes = len(taken) == 2 and (not quote or taken[1] in '"\\$`')
        if not quote and not escapes and char.isspace():
            if inside:
                words.append(Typed(text, "", raw))
            text, raw, inside = "", "", False
            at += 1
            continue
        inside = True
        if escapes:
            text += taken[1]
        elif char in ("'", '"') and quote in ("", char):
            quote = "" if quote else char
        else:
            text += char
            taken = char
        raw += taken
        at += len(taken)
    return [*words, Typed(text, quote, raw)]


# ── bash ─────────────────────────────────────────────────────────────────────────────────────────────────

_BASH = """\
%(complete_func)s() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        case "$line" in
            file,*) compopt -o default ;;
            dir,*) compopt -o dirnames ;;
            plain,*) COMPREPLY+=("${line#plain,}") ;;
        esac
    done < <(%(complete_var)s=bash_complete COMP_LINE="${COMP_LINE:0:COMP_POINT}" \\
        COMP_BREAKS="$COMP_WORDBREAKS" "${1/#\\~\\//$HOME/}" 2>/dev/null)
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""


@add_completion_class
class Bash(BashComplete):
    """Bash inserts what it gets as it is, in the place of the word as *it* counts words: from the last break on."""

    source_template = _BASH

    @staticmethod
    def _check_version() -> None:
        """The script may be written on another machine than the one it is for."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the cursor, and the one that it is in."""
        words = typed_words(os.environ["COMP_LINE"])
        self._current = words[-1]
        return [word.text for word in words[1:-1]], words[-1].text if len(words) > 1 else ""

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """The part of the value that takes the place of bash's word, quoted as the rest of it is."""
        if item.type != "plain":
            return f"{item.type},"
        value = _option_part(self._current.text) + item.value
        return f"plain,{quoted_for_bash(value[len(self._standing) :], self._current.quote)}"

    @property
    def _standing(self) -> str:
        """The part of the word's meaning that bash leaves standing: up to an open quote, else to the last break."""
        raw, quote = self._current.raw, self._current.quote
        if quote:
            return typed_words(raw[: _opening(raw)])[-1].text
        breaks = set(os.environ.get("COMP_BREAKS", "")) - set("\"'\\")
        ends = [n + 1 for n, char in enumerate(raw) if char in breaks and not _is_quoted(raw, n)]
        return typed_words(raw[: ends[-1]])[-1].text if ends else ""


def quoted_for_bash(value: str, quote: str) -> str:
    """A value as it is to stand behind an open quote, or behind none."""
    if quote == "'":
        return value.replace("'", "'\\''")
    if quote == '"':
        return re.sub(r'(["\\$`])', r"\\\1", value)
    return re.sub(r"([^\w@%+./,=-])", r"\\\1", value)


def _opening(raw: str) -> int:
    """Where the quote begins that is still open."""
    return next(n for n in range(len(raw) - 1, -1, -1) if typed_words(raw[:n])[-1].quote == "" and raw[n] in "\"'")


def _is_quoted(raw: str, at: int) -> bool:
    """Whether the character there is inside quotes, or behind a backslash."""
    before = typed_words(raw[:at])[-1]
    return bool(before.quote) or len(re.findall(r"\\+$", raw[:at])[0] if raw[:at].endswith("\\") else "") % 2 == 1


def _option_part(text: str) -> str:
    """`--option=`, of which click's values do not know."""
    match = re.match(r"--?[\w-]+=", text)
    return match[0] if match else ""


# ── zsh ──────────────────────────────────────────────────────────────────────────────────────────────────

_ZSH = """\
#compdef %(prog_name)s

%(complete_func)s() {
    local -a values displays fields
    local line
    local given="${(pj:\\037:)${(@Q)words[1,CURRENT]}}"
    [[ "$PREFIX" == -*=* ]] && compset -P 1 '*='
    while IFS= read -r line; do
        fields=("${(@ps:\\t:)line}")
        case "$fields[1]" in
            file) _files ;;
            dir) _files -/ ;;
            plain) values+=("$fields[2]"); displays+=("$fields[2]${fields[3]:+  -- $fields[3]}") ;;
        esac
    done < <(%(complete_var)s=zsh_complete COMP_WORDS="$given" "${words[1]/#\\~\\//$HOME/}" 2>/dev/null)
    (( $#values )) && compadd -l -V %(prog_name)s -d displays -a values
    return 0
}

(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""


@add_completion_class
class Zsh(ZshComplete):
    """Zsh quotes what it inserts by itself."""

    source_template = _ZSH

    def get_completion_args(self) -> tuple[list[str], str]:
        """Words that the shell has already unquoted."""
        words = os.environ["COMP_WORDS"].split(SEPARATOR)
        return words[1:-1], _unclosed(words[-1]) if len(words) > 1 else ""

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Type, value and help, between tabs."""
        return "\t".join((item.type, str(item.value), _one_line(item.help)))


def _unclosed(word: str) -> str:
    """Zsh unquotes only what is closed: of `'od d` the quote is still there."""
    return typed_words(word)[-1].text if word[:1] in ("'", '"') else word


# ── fish ─────────────────────────────────────────────────────────────────────────────────────────────────

_FISH = """\
function %(complete_func)s
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in (%(complete_var)s=fish_complete COMP_WORDS=(string join \\x1f -- $words | string collect) \\
            COMP_CURRENT="$current" $words[1] 2>/dev/null)
        set -l fields (string split \\t -- $line)
        switch $fields[1]
            case file
                set -l found (__fish_complete_path (string replace -r '^--?[\\w-]+=' '' -- $current))
                printf '%%s\\n' $fields[2]$found
            case dir
                __fish_complete_directories $current
            case plain
                printf '%%s\\t%%s\\n' $fields[2] "$fields[3]"
        end
    end
end

complete --no-files --keep-order --command %(prog_name)s --arguments '(%(complete_func)s)'
"""


@add_completion_class
class Fish(FishComplete):
    """Fish quotes what it inserts by itself, and wants the option before the value where they are one word."""

    source_template = _FISH

    def get_completion_args(self) -> tuple[list[str], str]:
        """Whole words unquoted, the current one as it is typed."""
        words = os.environ["COMP_WORDS"].split(SEPARATOR)
        self._current = typed_words(os.environ.get("COMP_CURRENT", ""))[-1].text
        return words[1:], self._current

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Type, value and help, between tabs."""
        value = "" if item.type != "plain" else str(item.value)
        return "\t".join((item.type, _option_part(self._current) + value, _one_line(item.help)))


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


SHELLS: dict[str, type[ShellComplete]] = {"bash": Bash, "zsh": Zsh, "fish": Fish}
VARIABLE = "_BALADOS_DB_COMPLETE"


def answer(cli: Any, asked: str) -> str:
    """What a shell's script reads: nothing for an unknown shell, and no name that cannot stand on a line."""
    name, _, what = asked.partition("_")
    if name not in SHELLS or what not in ("source", "complete"):
        return ""
    shell = SHELLS[name](cli, {}, "balados-db", VARIABLE)
    if what == "source":
        return shell.source()
    args, incomplete = shell.get_completion_args()
    items = shell.get_completions(args, incomplete)
    fitting = [item for item in items if item.type != "plain" or str(item.value).isprintable()]
    return "".join(f"{shell.format_completion(item)}\n" for item in fitting)
