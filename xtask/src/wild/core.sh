# The steps of s2i-core's Dockerfile that are no packages. `setup.sh` of an image of sclorg's sources this file as root in
# the image's root file system; the repositories are in /mnt.
set -e
cp -a /mnt/container-common-scripts/shared-scripts/core/. /
useradd -u 1001 -r -g 0 -d "$HOME" -c "Default Application User" default
mkdir -p "$HOME"
chown -R 1001:0 "$APP_ROOT"

# Stands in for RHEL's Python, which `cgroup-limits` names.
ln -s /usr/bin/python3 /usr/libexec/platform-python

# Copies the scripts and the files of a version: `copy_version s2i-python-container/3.12`.
copy_version() {
    mkdir -p "$STI_SCRIPTS_PATH"
    cp -a "/mnt/$1/s2i/bin/." "$STI_SCRIPTS_PATH"
    cp -a "/mnt/$1/root/." /
}
