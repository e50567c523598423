#!/bin/sh
# A machine of its own for one mail server: the real machine's files below, what its packages write above, a network
# without a way out. Packages of mail servers exclude each other; this way none meets another, and the real machine
# stays as it is. Called inside new mount and process namespaces; everything ends with them.
#
#     root.sh install BASE PACKAGE...        root.sh enter BASE HOST OUT COMMAND...
set -eu
what=$1 base=$2
shift 2
mkdir -p "$base/above" "$base/work" "$base/root"
root=$base/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/above,workdir=$base/work" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"

if [ "$what" = install ]; then
    printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install -y -q --no-install-recommends "$@"
    touch "$base/installed"
    exit
fi

host=$1 out=$2
shift 2
hostname "$host"
rm -f "$root/etc/resolv.conf"
echo 'nameserver 127.0.0.1' > "$root/etc/resolv.conf"
echo "127.0.0.1 localhost" > "$root/etc/hosts"
echo "$host" > "$root/etc/hostname"
echo "$host" > "$root/etc/mailname"
mkdir -p "$out"
mount --bind "$out" "$root$out"
exec chroot "$root" "$@"
