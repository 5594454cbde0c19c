set -e

# RHEL's /bin/sh is Bash, and the scripts rely on it.
ln -sf bash /bin/sh

# Stand in for the paths of RHEL's packages and for its `alternatives`.
cd /usr/lib/jvm
ln -s java-17-openjdk-* java-17
ln -s java-17 java
cd /
alternatives() { echo "not in this image: alternatives $*"; }
export -f alternatives

# The scripts change the owners of their directories.
cp -r /mnt/redhat-openjdk-containers/modules /tmp/modules
for module in user jdk/17 util/logging proxy jvm run maven/17 maven/default s2i/core maven/s2i s2i/bash; do
    bash "/tmp/modules/$module/configure.sh"
done
rm -r /tmp/modules
