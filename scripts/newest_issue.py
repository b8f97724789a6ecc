"""Tells of the week's run of scripts/newest.py: python -m scripts.newest_issue RESULT URL

RESULT is what GitHub calls the job's. Where the run has failed, an issue is opened, or the open one
commented; where it has passed, the open one is closed. There is one issue at a time. Needs gh, and
in GH_TOKEN permission to write issues.
"""

import json
import subprocess
import sys
from typing import Final

TITLE: Final = "The newest dependencies fail the tests"

BODY: Final = """\
The weekly run with the newest Copier and dependencies, beyond the bounds too, has failed: {url}

Its log begins with what is newer than its bound. On a clone, this is the same run:

    python3 -m scripts.newest

docs/dependencies.md says what to do. Runs that fail comment this issue, one that passes closes it.
"""


def main() -> None:
    """Tell of the result that the command line names."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    tell(*sys.argv[1:])


def tell(result: str, url: str) -> None:
    """Open, comment or close the issue; do nothing where a run was stopped half-way."""
    issue = open_issue()
    if result == "failure" and issue is None:
        gh("issue", "create", "--title", TITLE, "--body", BODY.format(url=url))
    elif result == "failure":
        gh("issue", "comment", str(issue), "--body", f"Again: {url}")
    elif result == "success" and issue is not None:
        gh("issue", "close", str(issue), "--comment", f"Passes: {url}")


def open_issue() -> int | None:
    """The number of the open issue, if there is one."""
    listed = json.loads(gh("issue", "list", "--state=open", "--limit=1000", "--json=number,title"))
    return next((issue["number"] for issue in listed if issue["title"] == TITLE), None)


def gh(*words: str) -> str:
    """Run GitHub's command, and return what it prints."""
    return subprocess.run(["gh", *words], check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main()
