"""How an adapter is run, in the language that it is written in."""

import shutil
import subprocess
import sys


def command_for(file, folder):
    """Program and arguments of an adapter; one in C is compiled into a folder, without a warning."""
    if file.suffix == ".py":
        return [sys.executable, str(file)]
    if file.suffix == ".mjs":
        return [shutil.which("node"), str(file)]
    program = str(folder / file.stem)
    options = ["-std=c99", "-O1", "-Wall", "-Wextra", "-pedantic", "-Werror", "-o", program, str(file), "-lm"]
    subprocess.run([shutil.which("cc"), *options], check=True)  # noqa: S603 - our own source
    return [program]
