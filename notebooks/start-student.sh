#!/bin/sh
# Starts a student's server in the image of JUPYTERHUB.md: start-student.sh COMMAND ...
set -eu
shared=${LABKIT_SHARED:-/srv/labkit}
export LABKIT_BUILD="$HOME/labkit"
mkdir -p "$LABKIT_BUILD/cache"
# Models are converted once, in the image; what a student computes is kept in a file beside the link.
ln -sfn "$shared/models" "$LABKIT_BUILD/cache/models"
[ -e "$HOME/course" ] || cp -r "$shared/course" "$HOME/course"
cd "$HOME"
exec "$@"
