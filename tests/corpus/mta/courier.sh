#!/bin/sh
# Courier, as small providers run it beside its webmail: people sign in by its user database.
set -eu
host=$1 address=$2
rm -rf /var/lib/courier/msgs/* /var/lib/courier/msgq/* /var/lib/courier/tmp/* /run/courier
install -d -o courier -g courier -m 775 /run/courier
install -d -o courier -g courier -m 755 /run/courier/authdaemon
cd /etc/courier
openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=$host" -keyout key.pem -out cert.pem 2>/dev/null
cat key.pem cert.pem dhparams.pem > esmtpd.pem
echo "$host" > me
echo "$host" > defaultdomain
printf 'localhost\n%s\n' "$host" > locals
echo "mailer-daemon@$host" > dsnfrom
echo "$address" > ipout
# It gives up after half a minute instead of a week, and asks a host again that it could not reach.
echo 30 > queuetime
echo 8 > warntime
echo 3 > retryalpha
echo 1 > retrybeta
echo 5 > retrygamma
echo 0 > retrymaxdelta
echo 0 > esmtpdelay
echo 3 > esmtptimeoutconnect
echo 0 > esmtptimeoutkeepalive
# Only who signs in or may relay is told of failures: of others' mail Courier drops the report, lest it reach somebody
# whose address was forged (ESMTP_BLOCKBACKSCATTER).
printf '127.0.0.1\tallow,RELAYCLIENT\n192.0.2\tallow,RELAYCLIENT\n' > smtpaccess/default
makesmtpaccess
makeacceptmailfor
makehosteddomains
printf 'postmaster:\ninfo@sato-dental.example: m.sato@phone-carrier.example\n' > aliases/system
makealiases
rm -f userdb
(umask 077 && : > userdb)
echo "$USERS" | sort -u | while IFS=: read -r user password; do
    userdb "$user" set uid=65534 gid=65534 home=/tmp mail=/tmp/Maildir
    echo "$password" | userdbpw -md5 2>/dev/null | userdb "$user" set esmtppw
done
makeuserdb
sed -i 's/^authmodulelist=.*/authmodulelist="authuserdb"/' authdaemonrc
for file in esmtpd esmtpd-msa; do
    sed -i '/^ADDRESS=/d; /^ESMTPAUTH=/d; /^ESMTPAUTH_TLS=/d; /^MAXPER/d' $file
    printf 'ADDRESS=%s\nESMTPAUTH="PLAIN LOGIN"\nESMTPAUTH_TLS="PLAIN LOGIN"\nMAXPERIP=40\nMAXPERC=40\n' "$address" >> $file
done
authdaemond start
courierfilter start
courier start
esmtpd start
esmtpd-msa start
