"""What pyproject.toml cannot say: the programs are built by make, and installed as they are beside Python's own scripts."""
import os
import shutil
import subprocess
import sys

from setuptools import Distribution, setup
from setuptools.command.sdist import sdist  # noqa: F401: puts setuptools' distutils in place of an older one

from distutils.command.build_scripts import build_scripts       # isort: skip

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:                             # before setuptools 70.1
    from wheel.bdist_wheel import bdist_wheel

os.makedirs("build/python", exist_ok=True)


class Programs(build_scripts):
    """What make has built, in place of scripts with an interpreter."""

    def run(self):
        try:
            subprocess.check_call([os.environ.get("MAKE", "make"), "-j%d" % (os.cpu_count() or 1), "all"])
        except (OSError, subprocess.CalledProcessError) as error:
            sys.exit("vaurien: the programs were not built: %s; what make needs is in the file dev, behind to_build" % error)
        self.mkpath(self.build_dir)
        for program in self.scripts:
            to = os.path.join(self.build_dir, os.path.basename(program))
            shutil.copyfile(program, to)
            os.chmod(to, 0o755)

    def get_source_files(self):
        return []


class Platform(Distribution):
    """What is built runs on one kind of machine."""

    def has_ext_modules(self):
        return True


class Wheel(bdist_wheel):
    """Of one kind of machine, and of any Python 3."""

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


setup(
    license="Apache-2.0",       # here, since versions of setuptools differ on how pyproject.toml says it
    distclass=Platform,
    scripts=["bin/vaurien", "bin/vaurienctl", "bin/vaurien-audit"],
    cmdclass={"build_scripts": Programs, "bdist_wheel": Wheel},
    options={"build": {"build_base": "build/python"}, "egg_info": {"egg_base": "build/python"}},
)
