#!/bin/sh
# OpenSMTPD. It tells only of what failed and what is late.
set -eu
host=$1 address=$2
rm -rf /var/spool/smtpd/queue/*
mkdir -p /etc/daimon
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj "/CN=$host" -keyout /etc/daimon/key.pem -out /etc/daimon/cert.pem 2>/dev/null
chmod 600 /etc/daimon/key.pem
echo "$USERS" | sort -u | while IFS=: read -r user password; do
    echo "$user $(smtpctl encrypt "$password")"
done > /etc/daimon/users
echo "info@sato-dental.example m.sato@phone-carrier.example" > /etc/daimon/aliases
cat > /etc/smtpd.conf <<END
pki $host cert "/etc/daimon/cert.pem"
pki $host key "/etc/daimon/key.pem"
table users file:/etc/daimon/users
table aliases file:/etc/daimon/aliases
queue ttl 40s
bounce warn-interval 6s
listen on socket
listen on $address port 25 hostname $host
listen on $address port 587 tls-require pki $host auth <users> hostname $host
action "forward" forward-only virtual <aliases>
action "out" relay helo $host src $address
match from any for domain sato-dental.example action "forward"
match from any for any action "out"
END
echo "$host" > /etc/mailname
smtpd
