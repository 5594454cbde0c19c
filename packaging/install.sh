#!/bin/sh
# Installs s2i for Linux on amd64 and arm64:
#
#     curl -fsSL URL/install.sh | sh
#
# It downloads the archive of a version with curl or wget, compares its SHA-256 digest with the list of the release, and
# installs the program. If anything fails, nothing is installed, and a program that is there already stays.
#
#     S2I_VERSION      the version; by default that of this script
#     S2I_INSTALL_DIR  the directory of the program; by default /usr/local/bin for root, otherwise ~/.local/bin
#     S2I_BASE_URL     the address of the releases: the files of a version are below ADDRESS/vVERSION
#
# `cargo xtask dist --release` replaces the two words between `@`.
set -eu

fail() {
    printf 'install.sh: %s\n' "$1" >&2
    if [ $# -gt 1 ]; then printf '  try: %s\n' "$2" >&2; fi
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# Downloads the address $1 to the file $2.
download() {
    address=$1 into=$2
    set --
    # A redirect must not lead away from TLS.
    case $address in https://*) set -- --proto-redir =https ;; esac
    if has curl; then
        curl -fsSL --retry 3 "$@" -o "$into" "$address"
    elif has wget; then
        wget -q -O "$into" "$address"
    else
        fail 'neither curl nor wget is here' 'install one of them'
    fi || fail "can't download $address" 'check S2I_VERSION and S2I_BASE_URL'
}

architecture() {
    [ "$(uname -s)" = Linux ] || fail "there is no program for $(uname -s)" 'cargo install s2i-cli'
    case $(uname -m) in
    x86_64 | amd64) echo x86_64 ;;
    aarch64 | arm64) echo aarch64 ;;
    *) fail "there is no program for $(uname -m)" 'cargo install s2i-cli' ;;
    esac
}

# Prints the digest that the list $1 has for the file named $2.
listed() {
    while read -r digest file; do
        if [ "$file" = "$2" ]; then
            echo "$digest"
            return
        fi
    done <"$1"
}

# A shell that reads the script from a pipe runs nothing until all of it has arrived.
main() {
    base=${S2I_BASE_URL:-@URL@}
    version=${S2I_VERSION:-@VERSION@}
    version=${version#v}
    case $base in
    http://* | https://*) ;;
    *) fail "\`$base\` is no address of releases" 'set S2I_BASE_URL to an http or https address' ;;
    esac
    for program in mktemp sha256sum tar gzip uname; do
        has "$program" || fail "\`$program\` is not here" 'install it'
    done
    if [ "${S2I_INSTALL_DIR:-}" ]; then
        directory=$S2I_INSTALL_DIR
    elif [ "$(id -u)" = 0 ]; then
        directory=/usr/local/bin
    else
        directory=${HOME:?}/.local/bin
    fi
    architecture=$(architecture)
    name=s2i-$version-$architecture-unknown-linux-musl
    from=${base%/}/v$version

    work=$(mktemp -d)
    new=$directory/.s2i.$$
    trap 'rm -rf "$work" "$new"' EXIT
    trap 'exit 1' HUP INT TERM
    download "$from/SHA256SUMS" "$work/SHA256SUMS"
    expected=$(listed "$work/SHA256SUMS" "$name.tar.gz")
    [ "$expected" ] || fail "the list $from/SHA256SUMS has no digest of $name.tar.gz: nothing is installed" \
        'check S2I_VERSION'
    download "$from/$name.tar.gz" "$work/s2i.tar.gz"
    actual=$(sha256sum "$work/s2i.tar.gz")
    actual=${actual%% *}
    [ "$actual" = "$expected" ] || fail "$from/$name.tar.gz has the digest $actual, not $expected: nothing is installed" \
        'try again; if it stays so, the file or the list is not that of the release'

    gzip -dc "$work/s2i.tar.gz" | tar -xf - -C "$work"
    mkdir -p "$directory"
    cp "$work/$name/s2i" "$new"
    chmod 755 "$new"
    "$new" --version >/dev/null || fail "the program doesn't start on this machine"
    mv -f "$new" "$directory/s2i"
    echo "installed s2i $version as $directory/s2i"
    case :${PATH:-}: in
    *:"$directory":*) ;;
    *) echo "$directory is not in PATH" ;;
    esac
}

main
