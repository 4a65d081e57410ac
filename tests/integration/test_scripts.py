"""What the scripts do to the machine they run on: nothing that stays, and nothing that was not theirs."""

import os
import subprocess

import pytest

from harness.stack import ROOT

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")


def shell(code, *arguments, **variables):
    sources = "".join(f". {ROOT}/scripts/lib/{name}.sh; " for name in ("base", "packages", "roots"))
    return subprocess.run(["bash", "-c", sources + code, "shell", *map(str, arguments)], text=True, capture_output=True,
                          env={**os.environ, **variables}, timeout=60, check=False)


@pytest.mark.parametrize("content", ["the machine's own", None])
def test_a_setting_that_is_set_aside_comes_back_though_the_installation_was_killed(tmp_path, content):
    setting = tmp_path / "policy-rc.d"
    if content:
        setting.write_text(content, encoding="ascii")
    killed = shell('set_aside "$1"; echo ours >"$1"; kill -KILL $$', setting)
    assert killed.returncode != 0 and setting.read_text(encoding="ascii") == "ours\n"
    assert shell('set_aside "$1"; echo ours >"$1"; put_back "$1"; put_back "$1"', setting).returncode == 0
    assert (setting.read_text(encoding="ascii") if setting.exists() else None) == content
    assert [path.name for path in tmp_path.iterdir()] == (["policy-rc.d"] if content else [])


@as_root
def test_a_root_is_not_removed_while_anything_is_mounted_below_it(tmp_path):
    """In a namespace of its own, as the roots' own mounts are."""
    precious = tmp_path / "checkout"
    (tmp_path / "roots" / "debian" / "mnt").mkdir(parents=True)
    precious.mkdir()
    (precious / "file").write_text("kept", encoding="ascii")
    done = subprocess.run(
        ["unshare", "--mount", "bash", "-c", f"""
            . {ROOT}/scripts/lib/base.sh; . {ROOT}/scripts/lib/roots.sh; ROOTS=$1/roots
            mount --bind "$1/checkout" "$ROOTS/debian/mnt"
            root_remove "$ROOTS/debian"
            """, "bash", tmp_path], text=True, capture_output=True, timeout=60, check=False)
    assert done.returncode == 1 and "something is mounted below" in done.stderr
    assert (precious / "file").read_text(encoding="ascii") == "kept"


def test_nothing_but_a_root_is_removed(tmp_path):
    (tmp_path / "roots").mkdir()
    (tmp_path / "other").mkdir()
    for place in ("other", "roots", "roots/../other"):
        done = shell('ROOTS=$1/roots; root_remove "$1/$2"', tmp_path, place)
        assert done.returncode == 1 and "is no root of ours" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "roots"]


@as_root
def test_where_no_root_can_be_made_this_is_said_and_nothing_counts(tmp_path):
    nowhere = tmp_path / "apt.conf"
    nowhere.write_text('Dir::Etc::sourcelist "/dev/null";\nDir::Etc::sourceparts "/nonexistent";\n', encoding="ascii")
    reasons = {"apt is configured with no mirror of Debian": ({"APT_CONFIG": str(nowhere)}, []),
               "namespaces and mounts are not allowed here": ({}, ["setpriv", "--bounding-set=-sys_admin"])}
    for reason, (variables, before) in reasons.items():
        done = subprocess.run([*before, "bash", "-c", f"""RUN=$1
            . {ROOT}/scripts/lib/base.sh; . {ROOT}/scripts/lib/roots.sh; no_root_because sid""", "bash", tmp_path],
            text=True, capture_output=True, env={**os.environ, **variables}, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (0, reason), done.stderr
