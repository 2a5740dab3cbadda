"""Core dumps and other programs, tried on real processes of an ordinary person."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="only Linux shows memory as files")

_ORDINARY = (  # root may read everything; changing the user makes a process hidden, so this one shows itself again
    "import ctypes, os, resource, sys\n"
    "from tracker import dumps\n"
    "if os.getuid() == 0:\n"
    "    os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
    "ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)\n"
)
_READ = _ORDINARY + (
    "try:\n"
    "    with open(f'/proc/{sys.argv[1]}/mem', 'rb'):\n"
    "        print('read')\n"
    "except PermissionError:\n"
    "    print('refused')\n"
)


@pytest.mark.parametrize(("does", "expected"), [("dumps.hide_memory()", "refused"), ("pass", "read")])
def test_another_program_of_the_same_person_cannot_read_the_memory(does: str, expected: str) -> None:
    program = f"{_ORDINARY}{does}\nprint('ready', flush=True)\nsys.stdin.read()\n"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as hidden:
        assert hidden.stdout is not None
        assert hidden.stdout.readline() == "ready\n"
        answer = subprocess.run(
            [sys.executable, "-c", _READ, str(hidden.pid)], capture_output=True, text=True, check=True
        )
        hidden.communicate("")
    if expected == "read" and answer.stdout == "refused\n":
        pytest.skip("this machine lets no program read another's memory (Yama)")
    assert answer.stdout == f"{expected}\n"


@pytest.mark.parametrize(("does", "is_dumped"), [("dumps.forbid_core_dumps()", False), ("pass", True)])
def test_a_crash_leaves_no_core_dump(tmp_path: Path, does: str, *, is_dumped: bool) -> None:
    program = (
        f"import os, resource\nfrom tracker import dumps\nos.chdir({str(tmp_path)!r})\n"
        "hard = resource.getrlimit(resource.RLIMIT_CORE)[1]\n"
        f"resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))\n{does}\nos.abort()\n"
    )
    crashed = os.posix_spawn(sys.executable, [sys.executable, "-c", program], os.environ)
    _, status = os.waitpid(crashed, 0)
    assert os.WIFSIGNALED(status)
    if is_dumped and not os.WCOREDUMP(status):
        pytest.skip("this machine makes no core dumps")
    assert os.WCOREDUMP(status) is is_dumped


def test_a_crash_reporter_would_get_no_memory_either() -> None:
    program = "from tracker import dumps\ndumps.forbid_core_dumps()\nprint(open('/proc/self/coredump_filter').read())"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(answer.stdout, 16) == 0
