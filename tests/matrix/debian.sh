#!/usr/bin/env bash
# Install a tree of Debian unstable with its newest Pythons: debian.sh DIR. Needs root.
set -euo pipefail
tree=$1
pythons='^(python3\.1[4-9]-(dev|venv)|libpython3\.1[4-9]-testsuite|pypy3|pypy3-(dev|venv))$'

# An incomplete tree must not look like a complete one.
trap 'rm -rf "$tree.new"' EXIT
rm -rf "$tree.new"
mkdir -p "$(dirname "$tree")"
debootstrap --variant=minbase --include=ca-certificates,gcc,git,libc6-dev,libzstd-dev,make,valgrind \
    unstable "$tree.new"
cp -L /etc/resolv.conf /etc/hosts "$tree.new/etc/"
cp /etc/ssl/certs/ca-certificates.crt "$tree.new/etc/ssl/certs/"
# A package that cannot be installed at the moment does not stop the others.
chroot "$tree.new" apt-cache pkgnames | grep -E "$pythons" | sort |
    while read -r package; do
        DEBIAN_FRONTEND=noninteractive chroot "$tree.new" \
            apt-get install --yes --no-install-recommends "$package" </dev/null ||
            echo "unstable has no $package that can be installed" >&2
    done
mv "$tree.new" "$tree"
