"""What the supervisor starts: prepare the environment of one program, then become it.

Secrets travel from the home's files into the program's environment here, so that the supervisor's
configuration holds none of them.
"""

import os
import sys
from pathlib import Path

from assay.stack.engines import programs
from assay.stack.home import open_home
from assay.stack.leftovers import end_program


def main(root: str, project: str, name: str) -> None:
    """Replace this process by program `name` of the home in `root`."""
    home = open_home(Path(root), Path(project))
    program = next(program for program in programs() if program.name == name)
    end_program(home, name)
    start = program.start(home)
    environment = {**start.environment, "ASSAY_PROGRAM": name}
    os.chdir("/" if start.user else home.project)
    if start.user:
        _become(start.user)
    os.execve(start.arguments[0], list(start.arguments), environment)  # noqa: S606 - no shell, arguments are ours


def _become(user: str) -> None:
    import pwd

    account = pwd.getpwnam(user)
    os.initgroups(user, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


if __name__ == "__main__":
    main(*sys.argv[1:])
