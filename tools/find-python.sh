#!/bin/sh
# Print the first Python on PATH that is 3.10 or newer and can make virtual environments.
# PYTHON=... in the environment names the one to use instead.
look='
import sys
version = "is Python " + ".".join(map(str, sys.version_info[:3]))
if sys.version_info < (3, 10):
    sys.exit(version)
try:
    import ensurepip, venv
except ImportError as error:
    sys.exit(version + " and cannot make virtual environments: " + str(error))
'
reasons=
for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python3.10}; do
    if ! command -v "$name" >/dev/null; then
        reason='was not found'
    elif reason=$("$name" -c "$look" 2>&1); then
        echo "$name"
        exit 0
    fi
    reasons="$reasons
  $name $reason"
done
echo "This needs Python 3.10 or newer with the modules venv and ensurepip:$reasons" >&2
echo "Debian and Ubuntu have them in a package: apt install python3-venv" >&2
echo "PYTHON=/path/to/python3 before make names an interpreter that is not on PATH." >&2
exit 1
