#!/usr/bin/env bash
# amlb calls: setup.sh VERSION [SOURCE]. SOURCE is what pip installs: a folder or an address with this repository.
HERE=$(dirname "$0")
VERSION=${1:-"stable"}
SOURCE=${2:-"cash-automl"}

. "$HERE/.setup/setup_env"
. "$AMLB_ROOT/frameworks/shared/setup.sh" "$HERE" true

if [[ "$SOURCE" == "cash-automl" && "$VERSION" =~ ^[0-9] ]]; then
    SOURCE="cash-automl==$VERSION"
fi
# torch for processors comes first, so that pip does not download gigabytes of CUDA libraries.
PIP install --no-cache-dir torch --index-url https://download.pytorch.org/whl/cpu
PIP install --no-cache-dir "$SOURCE"

PY -c "from importlib.metadata import version; print(version('cash-automl'))" >> "$HERE/.setup/installed"
