#!/bin/sh
# Courier. Debian's configuration tells senders nothing of what came by SMTP (ESMTP_BLOCKBACKSCATTER); this one does.
set -eu
host=$1 address=$2
cd /etc/courier
rm -rf /var/lib/courier/msgs/* /var/lib/courier/msgq/* /var/lib/courier/tmp/*
for name in me defaultdomain locals; do
    echo "$host" > $name
done
sed -i '/^ESMTP_BLOCKBACKSCATTER/d' courierd
sed -i "/^ESMTP_BLOCKBACKSCATTER/d; s/^PORT=.*/PORT=25,587/; s/^BOFHCHECKDNS=.*/BOFHCHECKDNS=0/; s/^TARPIT=.*/TARPIT=0/
    s/^MAXPERC=.*/MAXPERC=100/; s/^MAXPERIP=.*/MAXPERIP=100/; /^ADDRESS=/d" esmtpd
echo "ADDRESS=$address" >> esmtpd
mkdir -p smtpaccess
printf '192.0.2\tallow,RELAYCLIENT\n198.51.100\tallow,RELAYCLIENT\n' > smtpaccess/default
echo 30s > queuetime
echo 8s > warntime
echo 3s > retryalpha
echo 1 > retrybeta
echo 3s > retrygamma
echo 3s > retrymaxdelta
echo 10s > esmtptimeout
echo 5s > esmtptimeoutconnect
makesmtpaccess
makealiases || true
makeacceptmailfor || true
mkdir -p /run/courier
chown courier /run/courier
mkdir -p /run/courier/authdaemon
authdaemond start || true
courier start
esmtpd start
