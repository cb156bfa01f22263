#!/bin/sh
# Print the first Python on PATH that is 3.10 or newer and can make virtual environments.
# PYTHON=... in the environment names the one to use instead.
usable='import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))'
for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python3.10}; do
    if "$name" -c "$usable" 2>/dev/null; then
        echo "$name"
        exit 0
    fi
done
echo "no Python 3.10 or newer with the modules venv and ensurepip found: ${PYTHON:-python3}" >&2
echo "(install one, for example the packages python3 and python3-venv, or set PYTHON)" >&2
exit 1
