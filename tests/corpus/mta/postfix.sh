#!/bin/sh
# Postfix with Dovecot for the sign-ins: what most hosters run. It gives up after half a minute instead of five days.
set -eu
host=$1 address=$2
rm -rf /var/spool/postfix/deferred/* /var/spool/postfix/incoming/* /var/spool/postfix/active/*
openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=$host" -keyout /etc/postfix/key.pem -out /etc/postfix/cert.pem 2>/dev/null
cat > /etc/postfix/main.cf <<END
compatibility_level = 3.6
myhostname = $host
myorigin = \$myhostname
mydestination = \$myhostname, localhost
mynetworks = 127.0.0.0/8, 192.0.2.0/24, 198.51.100.0/24
inet_interfaces = $address
inet_protocols = ipv4
maillog_file = /var/log/postfix.log
alias_maps = texthash:/etc/postfix/aliases
alias_database =
virtual_alias_maps = texthash:/etc/postfix/virtual
virtual_alias_domains = sato-dental.example
smtp_tls_policy_maps = texthash:/etc/postfix/tls
smtp_tls_security_level = may
relayhost =
transport_maps = texthash:/etc/postfix/transport
smtpd_tls_cert_file = /etc/postfix/cert.pem
smtpd_tls_key_file = /etc/postfix/key.pem
smtpd_tls_security_level = may
smtpd_tls_received_header = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = /var/run/daimon-auth
smtpd_sasl_auth_enable = yes
smtpd_sasl_authenticated_header = yes
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_recipient_restrictions =
smtp_connect_timeout = 3s
smtp_helo_timeout = 5s
minimal_backoff_time = 5s
maximal_backoff_time = 10s
queue_run_delay = 3s
maximal_queue_lifetime = 30s
bounce_queue_lifetime = 30s
delay_warning_time = 8s
smtputf8_autodetect_classes = all
END
echo 'info@sato-dental.example m.sato@phone-carrier.example' > /etc/postfix/virtual
echo 'support: help@ticket-desk.example' > /etc/postfix/aliases
echo 'must-tls.example encrypt' > /etc/postfix/tls
echo 'broken-tls.example encrypt' >> /etc/postfix/tls
: > /etc/postfix/transport
cat > /etc/postfix/master.cf <<'END'
25 inet n - n - - smtpd
587 inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
END
id hana >/dev/null 2>&1 || useradd -m hana
mkdir -p /run/dovecot /etc/daimon
echo "$USERS" | sed 's/^\(.*\):\(.*\)$/\1:{PLAIN}\2/' > /etc/daimon/users
cat > /etc/daimon/dovecot.conf <<'END'
protocols =
ssl = no
log_path = /var/log/dovecot.log
auth_mechanisms = plain login
disable_plaintext_auth = no
passdb {
  driver = passwd-file
  args = username_format=%u /etc/daimon/users
}
userdb {
  driver = static
  args = uid=65534 gid=65534 home=/tmp
}
service auth {
  unix_listener /var/run/daimon-auth {
    mode = 0666
  }
}
END
dovecot -c /etc/daimon/dovecot.conf
postfix start
