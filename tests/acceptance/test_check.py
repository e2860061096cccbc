"""`check` from the outside: formats, exit statuses, the lock file in real merges, the hook in a real commit, real squawk."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from balados_db.checkup import look
from balados_db.lock_file import lock_beside, renewed, text_of
from tests.conftest import ROOT, Result, clean_environment

RunCli = Callable[..., Result]

MANIFEST = """\
version = 1
[schemas.kept]
kind = "permanent"
migrations = "migrations/kept"
[schemas.reading]
kind = "projection"
migrations = "migrations/reading"
[schemas.log]
kind = "event_store"
[projectors.Reader]
tables = ["reading.books"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A manifest and three migrations, in a folder with an odd name."""
    root = tmp_path / "a, b: 100%"
    migration(root, "kept/0001_a", "create table a (id bigint);")
    migration(root, "reading/0001_books", "create table books (id bigint);")
    migration(root, "reading/0002_more", "-- depends: 0001_books\nalter table books add title text;")
    (root / "balados-db.toml").write_text(MANIFEST)
    return root


def migration(root: Path, name: str, text: str, back: str | None = "select 1;") -> None:
    file = root / "migrations" / f"{name}.sql"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    if back is not None:
        file.with_suffix(".rollback.sql").write_text(back)


@pytest.fixture
def check(run_cli: RunCli, project: Path) -> Callable[..., Result]:
    """Run `check` in the project, without squawk unless it is asked for."""

    def check(*words: str, squawk: bool = False, cwd: Path | None = None, **env: str) -> Result:
        words = words if squawk else ("--no-squawk", *words)
        return run_cli("check", *words, manifest=None, cwd=cwd or project, env=env)

    return check


Check = Callable[..., Result]


# ── endings ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_sound_project_needs_no_database(check: Check) -> None:
    """Nothing found: exit 0, one line, nothing on standard error, no server asked."""
    done = check(DATABASE_URL="postgresql://nobody@127.0.0.1:1/nowhere")

    assert (done.status, done.err) == (0, "")
    assert done.out == "Checked 3 schemas, 1 projector, 3 migrations: nothing was found.\n"


def test_notes_leave_the_status_at_0(check: Check, project: Path) -> None:
    """What is only a guess stops no commit."""
    migration(project, "kept/0002_b", "create table reading.b (id bigint);")
    done = check()

    assert done.status == 0
    assert "migrations/kept/0002_b.sql:1: note: " in done.out


def test_findings_end_with_4_and_say_where(check: Check, project: Path) -> None:
    """File, line, severity, code and cure; all of them, those of the manifest included."""
    migration(project, "kept/0002_b", "-- why\n-- transaction: false\nselect 1;", back=None)
    manifest = project / "balados-db.toml"
    manifest.write_text(MANIFEST.replace("tables =", "table ="))
    done = check()

    assert done.status == 4
    assert "balados-db.toml:11: error: projectors.Reader.table: unknown key; did you mean 'tables'?" in done.out
    assert "kept/0002_b.sql:2: error: 'transaction' is no directive; did you mean 'transactional'?" in done.out
    assert "rollback_missing" in done.out


UNREADABLE = {
    "no manifest": (None, None, "manifest_missing"),
    "no TOML": ("version = 1\n[schemas\n", None, "manifest_syntax"),
    "a merge conflict": (MANIFEST, "version = 1\n<<<<<<< HEAD\n=======\n>>>>>>> x\n", "lock_file_invalid"),
}


@pytest.mark.parametrize(("manifest", "lock", "code"), UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("words", [(), ("--format", "json")], ids=["text", "json"])
def test_what_cannot_be_read_ends_with_2(
    check: Check, project: Path, manifest: str | None, lock: str | None, code: str, words: tuple[str, ...]
) -> None:
    """In the format that was asked for, even so."""
    file = project / "balados-db.toml"
    file.unlink() if manifest is None else file.write_text(manifest)
    if lock:
        (project / "balados-db.lock").write_text(lock)
    done = check(*words)

    assert (done.status, done.code) == (2, code)
    assert bool(words) == done.out.startswith("{")


@pytest.mark.parametrize(("manifest", "lock", "code"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_annotated_too(
    check: Check, project: Path, manifest: str | None, lock: str | None, code: str
) -> None:
    """GitHub and GitLab get it beside its file and line, and the status is 2."""
    file = project / "balados-db.toml"
    file.unlink() if manifest is None else file.write_text(manifest)
    if lock:
        (project / "balados-db.lock").write_text(lock)
    hub, lab = check("--format", "github"), check("--format", "gitlab")
    (entry,) = json.loads(lab.out)
    (command,) = (unescaped(line) for line in hub.out.splitlines())

    assert (hub.status, lab.status, hub.code) == (2, 2, code)
    assert (entry["check_name"], command[0], command[1]["title"]) == (code, "error", f"balados-db {code}")
    assert entry["location"]["path"] == ("balados-db.lock" if lock else "balados-db.toml")
    assert command[1].get("line") == ("2" if code == "manifest_syntax" else None)


def test_a_file_that_is_not_there_is_a_mistake(check: Check) -> None:
    """A typo is not taken for a clean bill."""
    done = check("migrations/kept/0001_b.sql")

    assert (done.status, done.code) == (2, "usage")


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────


def test_files_narrow_what_is_told(check: Check, project: Path) -> None:
    """Only what concerns a named file, a rollback for its migration included; a broken manifest always."""
    migration(project, "kept/0002_b", "select 1;", back=None)
    migration(project, "kept/0003_c", "select 1;", back="")
    (project / "unrelated.sql").write_text("nonsense")

    assert check("unrelated.sql").status == 0
    assert set(codes(check("--json", "migrations/kept/0002_b.sql"))) == {"rollback_missing"}
    assert set(codes(check("--json", "migrations/kept/0003_c.rollback.sql"))) == {"rollback_empty"}
    (project / "balados-db.toml").write_text(MANIFEST + "[nonsense]\n")
    assert set(codes(check("--json", "unrelated.sql"))) == {"manifest_invalid"}


def codes(done: Result) -> list[str]:
    return [f["code"] for f in done.json["result"]["findings"]]


# ── formats ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def troubled(project: Path) -> Path:
    """One finding of each severity, in files whose path has to be escaped."""
    odd = project / "migrations" / "kept" / "0002_b, c: 50%.sql"
    odd.write_text("create table reading.b (id bigint);\ncommit;")
    return project


def test_github_gets_workflow_commands(check: Check, troubled: Path) -> None:
    """As GitHub reads them: severity, file, line and title as properties, everything escaped once."""
    done = check("--format", "github", cwd=troubled / "migrations", GITHUB_WORKSPACE=str(troubled.parent))
    found = [unescaped(line) for line in done.out.splitlines() if line.startswith("::")]

    assert done.status == 4
    assert {(level, p["file"], p.get("line"), p["title"]) for level, p, _ in found} == {
        (level, "a, b: 100%/migrations/kept/0002_b, c: 50%.sql", line, f"balados-db {code}")
        for level, line, code in (
            ("notice", "1", "ddl_elsewhere"),
            ("error", "2", "transaction_command"),
            ("warning", None, "rollback_missing"),
        )
    }
    assert all("\n" in message for _, _, message in found)


def unescaped(line: str) -> tuple[str, dict[str, str], str]:
    """A workflow command as GitHub's runner takes it apart."""
    match = re.fullmatch(r"::(\w+) ([^:]*)::(.*)", line)
    assert match, line
    properties = dict(pair.split("=", 1) for pair in match[2].split(","))
    return (
        match[1],
        {k: plain(v.replace("%3A", ":").replace("%2C", ",")) for k, v in properties.items()},
        plain(match[3]),
    )


def plain(text: str) -> str:
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


def test_gitlab_gets_a_report_with_fingerprints_that_last(check: Check, troubled: Path) -> None:
    """The fields that GitLab requires; a finding that moves by a line is the same one, two alike are two."""
    odd = troubled / "migrations" / "kept" / "0002_b, c: 50%.sql"
    odd.write_text(odd.read_text() + "\ncommit;")
    before = json.loads(check("--format", "gitlab").out)
    odd.write_text("\n\n" + odd.read_text())
    after = json.loads(check("--format=gitlab").out)

    assert {e["severity"] for e in before} == {"info", "minor", "major"}
    assert all(set(e) == {"description", "check_name", "fingerprint", "severity", "location"} for e in before)
    assert {e["location"]["path"] for e in before} == {"migrations/kept/0002_b, c: 50%.sql"}
    assert len({e["fingerprint"] for e in before}) == len(before) == 4
    assert {e["fingerprint"] for e in before} == {e["fingerprint"] for e in after}
    assert [e["location"]["lines"]["begin"] for e in before] != [e["location"]["lines"]["begin"] for e in after]


def test_json_is_the_envelope(check: Check, troubled: Path) -> None:
    """Findings with file and line as data; --format json and --json are one answer, two formats are a mistake."""
    first, second = check("--json"), check("--format", "json")
    found = {f["code"]: f for f in first.json["result"]["findings"]}

    assert (first.status, first.out) == (second.status, second.out)
    assert (first.json["schema"], first.json["exit_status"]) == ("balados-db/1", 4)
    assert found["transaction_command"]["file"] == "migrations/kept/0002_b, c: 50%.sql"
    assert (found["transaction_command"]["line"], found["transaction_command"]["severity"]) == (2, "error")
    assert first.json["result"]["checked"] == {"schemas": 3, "projectors": 1, "migrations": 4, "judged": 4}
    assert check("--json", "--format", "github").code == "usage"


# ── the lock file, in real merges ────────────────────────────────────────────────────────────────────────


@pytest.fixture
def git(project: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run git in the project, which is a repository with a lock file."""
    assert shutil.which("git"), "git is needed: apt-get install git"
    known = ("-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")

    def git(*words: str) -> subprocess.CompletedProcess[str]:
        env = clean_environment(GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_SYSTEM=os.devnull)
        return subprocess.run(
            ["git", *known, *words], cwd=project, capture_output=True, text=True, env=env, check=False
        )

    write_lock(project)
    for words in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", "first")):
        assert git(*words).returncode == 0
    return git


def write_lock(project: Path) -> None:
    """As `check --write-lock` does it."""
    seen = look(project / "balados-db.toml")
    lock = renewed(seen.lock, seen.files, (), lock_beside(seen.file))
    lock.file.write_text(text_of(lock, tuple(seen.files)))


MERGES = {
    "two branches add to one schema": ("kept/0002_b", "kept/0002_c", True),
    "two branches add to one schema, with different numbers": ("kept/0002_b", "kept/0003_c", True),
    "two branches add to the last schema": ("reading/0003_b", "reading/0003_c", True),
    "two branches add to two schemas": ("kept/0002_b", "reading/0003_c", False),
    "both add the same": ("kept/0002_b", "kept/0002_b", False),
}


@pytest.mark.parametrize(("ours", "theirs", "conflict"), MERGES.values(), ids=MERGES)
def test_branches_conflict_exactly_when_they_should(
    git: Callable[..., subprocess.CompletedProcess[str]],
    project: Path,
    check: Check,
    ours: str,
    theirs: str,
    conflict: bool,
) -> None:
    """A real merge: in one schema git asks, in two it does not; and what git merged is sound."""
    for branch, name in (("ours", ours), ("theirs", theirs)):
        git("switch", "-q", "-c", branch, "main")
        migration(project, name, "select 1;")
        write_lock(project)
        git("add", ".")
        git("commit", "-q", "-m", branch)
    merged = git("merge", "-q", "ours")
    lock = project / "balados-db.lock"

    assert (merged.returncode != 0) is conflict, merged.stdout + merged.stderr
    if conflict:
        assert (check().status, check().code) == (2, "lock_file_invalid")
        kept = [
            line for line in lock.read_text().splitlines() if not line.startswith(("<<<<<<<", "=======", ">>>>>>>"))
        ]
        lock.write_text("\n".join(kept) + "\n")
    same = ours != theirs and ours.split("_")[0] == theirs.split("_")[0]
    assert [f.code for f in look(project / "balados-db.toml").findings] == ["number_twice"] * 2 * same
    assert (
        check("balados-db.lock").out.count("[number_twice]") == 2 * same
    )  # what a hook names when a merge is committed
    write_lock(project)
    assert len(look(project / "balados-db.toml").findings) == 2 * same
    if same:
        assert check("--write-lock", "--accept", ours).status == 0
        assert (check().status, check("balados-db.lock").status) == (0, 0)


def test_the_lock_is_written_once_and_tells_what_it_does(check: Check, project: Path) -> None:
    """The file is the same on every machine; writing it again changes nothing; edits need a name."""
    first = check("--write-lock")
    text = (project / "balados-db.lock").read_text()
    again = check("--write-lock", "--json")
    migration(project, "kept/0001_a", "create table a (id int);")
    edited, still = check("--write-lock"), check()

    assert first.status == 0
    assert "wrote " in first.out
    assert (again.json["changed"], (project / "balados-db.lock").read_text()) == (False, text)
    assert (edited.status, still.status) == (4, 4)
    assert "check --write-lock --accept kept/0001_a" in still.out
    assert check("--accept", "kept/0001_a").code == "usage"
    assert check("--write-lock", "--accept", "kept/0001_a").status == 0


def test_what_cannot_be_read_is_not_written_down(check: Check, project: Path) -> None:
    """A file that every command refuses never gets into the lock."""
    migration(project, "kept/0002_b", "-- depend: x\nselect 1;")
    done = check("--write-lock")

    assert done.status == 4
    assert "was not written" in done.err
    assert not (project / "balados-db.lock").exists()


# ── hooks ────────────────────────────────────────────────────────────────────────────────────────────────


def hook() -> dict[str, str]:
    """The hook that we offer to pre-commit, by its keys."""
    text = (ROOT / ".pre-commit-hooks.yaml").read_text()
    return {m[1]: m[2] for m in re.finditer(r"^[- ] (\w+): (.+)$", text, re.MULTILINE)}


def test_the_hook_stops_a_commit(git: Callable[..., subprocess.CompletedProcess[str]], project: Path) -> None:
    """The documented hook in a real repository: a bad migration is not committed, a good one is."""
    text = (ROOT / "docs" / "check.md").read_text()
    script = re.search(r"```sh\n(#!/bin/sh\n.*?)```", text, re.DOTALL)
    assert script
    file = project / ".git" / "hooks" / "pre-commit"
    entry = " ".join((sys.executable, "-m", *hook()["entry"].replace("balados-db", "balados_db").split()))
    file.write_text(script[1].replace(hook()["entry"], f"{entry} --no-squawk"))
    file.chmod(0o755)
    migration(project, "kept/0002_b", "-- Depends: 0001_a\nselect 1;")
    git("add", ".")
    refused = git("commit", "-m", "second")
    migration(project, "kept/0002_b", "-- depends: 0001_a\nselect 1;")
    write_lock(project)
    git("add", ".")

    assert refused.returncode != 0
    assert "0002_b.sql:1: error" in refused.stdout + refused.stderr
    assert git("commit", "-m", "second").returncode == 0


@pytest.mark.parametrize(
    ("file", "fits"),
    [
        ("balados-db.toml", True),
        ("db/balados-db.lock", True),
        ("migrations/users/0001_a.sql", True),
        ("db/migrations/0001_a.rollback.sql", True),
        ("migrations/a/0002_b.py", True),
        ("src/app.py", False),
        ("notes.sql", False),
    ],
)
def test_the_hook_is_shown_what_concerns_it(file: str, fits: bool) -> None:
    """Manifest, lock file and migrations, wherever they lie."""
    assert bool(re.search(hook()["files"], file)) is fits


# ── squawk itself ────────────────────────────────────────────────────────────────────────────────────────


def test_squawk_is_asked(check: Check, project: Path) -> None:
    """The real program: its rules as codes, its version, the right line; a transaction is known for one; not twice."""
    migration(
        project,
        "kept/0002_b",
        "-- depends: 0001_a\n\ncreate index concurrently i on a (id);\nalter table a add n int not null;",
    )
    migration(project, "kept/0003_c", "-- transactional: false\ncreate index concurrently j on a (id);")
    done = check("--json", squawk=True)
    found = {(Path(f["file"]).name, f["line"], f["code"]) for f in done.json["result"]["findings"]}

    assert done.status == 4
    assert re.fullmatch(r"\d+\.\d+\.\d+", done.json["result"]["squawk"])
    assert ("0002_b.sql", 4, "squawk_adding_required_field") in found
    assert ("0002_b.sql", 3, "squawk_ban_concurrent_index_creation_in_transaction") in found
    assert {code for name, _, code in found if name == "0003_c.sql"} == {"squawk_prefer_robust_stmts"}
    assert not any("timeout" in code for _, _, code in found)
    write_lock(project)
    assert check("--json", squawk=True).json["result"]["findings"] == []


def test_what_squawk_says_again_and_again_is_said_once(check: Check, project: Path) -> None:
    """People read a rule once, with the places below it; programs get each; a lock file is how to begin."""
    for number in range(3, 13):
        migration(project, f"kept/{number:04}_t", f"create table t{number} (a int,\n b int);")
    done, counted = check(squawk=True), check("--format", "json", squawk=True).json
    github = check("--format", "github", squawk=True).out
    rule = [line for line in done.out.splitlines() if "[squawk_prefer_bigint_over_int]" in line]

    assert (len(rule), rule[0].startswith("warning: ")) == (1, True)
    assert "\n    migrations/kept/0003_t.sql:1, 2\n" in done.out
    assert "\n    and 4 more in 2 other files; --format json has each\n" in done.out
    assert sum(f["code"] == "squawk_prefer_bigint_over_int" for f in counted["result"]["findings"]) == 20
    assert github.count("title=balados-db squawk_prefer_bigint_over_int::") == 20
    assert counted["next_actions"] == [["balados-db", "check", "--write-lock"]]
    assert "`balados-db check --write-lock` takes migrations as they are" in done.out

    assert check("--write-lock", squawk=True).status == 4
    assert "squawk_prefer" not in check(squawk=True).out


def test_squawk_has_a_file_of_its_own(check: Check, project: Path) -> None:
    """Rules that the project excludes in .squawk.toml beside the manifest stay excluded."""
    migration(project, "kept/0002_b", "alter table a add n int not null;")
    (project / ".squawk.toml").write_text('excluded_rules = ["adding-required-field", "prefer-bigint-over-int"]\n')

    assert codes(check("--json", squawk=True)) == []


def test_no_argument_at_all_is_a_usage_error(run_cli: RunCli) -> None:
    """Looking for --format among no words is no trouble."""
    done = run_cli(manifest=None)

    assert (done.status, done.out) == (2, "")
    assert "Usage: balados-db" in done.err


def test_a_folder_is_no_file_to_be_checked(check: Check) -> None:
    """Nothing in it would be judged, and that would look as if all were well."""
    for word in ("kept", ""):
        done = check(word, "--json")
        assert (done.status, done.code) == (2, "usage"), done.out
