"""`vaurien run` from Python: a command whose connections go through proxies."""
import subprocess
from typing import Any, Dict, List, Optional, Sequence

from .programs import find


class Ran:
    """What became of a command: `returncode` is its exit status, `output` what it wrote, `summary` the lines in which
    Vaurien tells what it carried. `returncode` is 125 if Vaurien itself failed."""

    def __init__(self, returncode: int, output: str, errors: str) -> None:
        self.returncode = returncode
        self.output = output
        self.errors = errors                    # all that came on the standard error
        self.summary = "\n".join(line for line in errors.splitlines() if line.startswith("vaurien: "))

    def check(self) -> "Ran":
        """Itself; CalledProcessError if the exit status is not 0."""
        if self.returncode:
            raise subprocess.CalledProcessError(self.returncode, "vaurien run", self.output, self.errors)
        return self


def words(command: Sequence[str], options: Dict[str, Any]) -> List[str]:
    """The command line: except_="*:443" is --except '*:443', rule=[...] is --rule for each, require=True is --require."""
    line = [find("vaurien"), "run"]
    for name, value in options.items():
        flag = "--" + name.rstrip("_").replace("_", "-")
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if one is True:
                line.append(flag)
            elif one is not False and one is not None:
                line.append("%s=%s" % (flag, one))
    return line + ["--"] + [str(word) for word in command]


def run(command: Sequence[str], *, timeout: Optional[float] = None, env: Optional[Dict[str, str]] = None,
        cwd: Optional[str] = None, **options: Any) -> Ran:
    """Run a command under `vaurien run`, with that program's options, and wait for its end.

        ran = vaurien.run(["./manage.py", "test"], protocol="mysql", rule=["error failure=deadlock times=1"])
        assert ran.returncode == 0, ran.summary
    """
    if isinstance(command, (str, bytes)) or not command:
        raise ValueError("command: expected a list of words, got %r" % (command,))
    with subprocess.Popen(words(command, options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env,
                          cwd=cwd) as process:
        try:
            output, errors = process.communicate(timeout=timeout)
        except BaseException:
            process.terminate()                 # the command is sent that
            try:
                process.communicate(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()                  # and ends with it
            raise
    return Ran(process.returncode, output, errors)
