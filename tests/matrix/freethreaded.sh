#!/usr/bin/env bash
# Build a CPython 3.13 without the GIL from Debian's sources: freethreaded.sh DIR, with
# more options for its configure if needed. Needs a compiler and the headers of OpenSSL,
# zlib and libffi.
set -euo pipefail
prefix=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

mkdir -p lists/partial
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb-src [signed-by=$keyring] http://deb.debian.org/debian trixie main" >sources
apt_get() {
    apt-get --quiet --option Dir::Etc::sourcelist="$work/sources" \
        --option Dir::Etc::sourceparts=/dev/null \
        --option Dir::State::lists="$work/lists" \
        --option Dir::Cache::pkgcache= --option Dir::Cache::srcpkgcache= "$@"
}
apt_get update
apt_get source --download-only python3.13

mkdir source
tar --extract --file python3.13_*.orig.tar.xz --strip-components=1 --directory source
cd source
./configure --quiet --disable-gil --prefix="$prefix" "$@"
make --silent --jobs=2
make --silent install
cp Tools/tsan/suppressions_free_threading.txt "$prefix" # its known races
