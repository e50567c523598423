#!/bin/sh
# Sendmail, the gateway of companies that had one before there was anything else.
set -eu
host=$1 address=$2
mkdir -p /etc/daimon /var/spool/mqueue /var/run/sendmail/mta /etc/sasl2
rm -rf /var/spool/mqueue/* /var/spool/mqueue-client/*
openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=$host" -keyout /etc/daimon/key.pem -out /etc/daimon/cert.pem 2>/dev/null
chmod 600 /etc/daimon/key.pem
echo 'info: m.sato@phone-carrier.example' > /etc/mail/aliases
cat > /etc/daimon/sendmail.mc <<END
include(\`/usr/share/sendmail/cf/m4/cf.m4')dnl
OSTYPE(\`debian')dnl
DOMAIN(\`debian-mta')dnl
undefine(\`confHOST_STATUS_DIRECTORY')dnl
define(\`confDOMAIN_NAME', \`$host')dnl
define(\`confDONT_PROBE_INTERFACES', \`True')dnl
define(\`confTO_CONNECT', \`3s')dnl
define(\`confTO_ICONNECT', \`3s')dnl
define(\`confTO_QUEUEWARN', \`8s')dnl
define(\`confTO_QUEUERETURN', \`30s')dnl
define(\`confTO_IDENT', \`0')dnl
define(\`confMIN_QUEUE_AGE', \`3s')dnl
define(\`confPRIVACY_FLAGS', \`')dnl
define(\`confTRUSTED_USERS', \`www-data')dnl
define(\`confAUTH_MECHANISMS', \`PLAIN LOGIN')dnl
define(\`confAUTH_OPTIONS', \`A')dnl
TRUST_AUTH_MECH(\`PLAIN LOGIN')dnl
define(\`confCACERT_PATH', \`/etc/daimon')dnl
define(\`confCACERT', \`/etc/daimon/cert.pem')dnl
define(\`confSERVER_CERT', \`/etc/daimon/cert.pem')dnl
define(\`confSERVER_KEY', \`/etc/daimon/key.pem')dnl
FEATURE(\`nocanonify')dnl
FEATURE(\`promiscuous_relay')dnl
FEATURE(\`accept_unresolvable_domains')dnl
FEATURE(\`accept_unqualified_senders')dnl
FEATURE(\`no_default_msa')dnl
DAEMON_OPTIONS(\`Family=inet, Name=MTA, Port=25, Addr=$address')dnl
DAEMON_OPTIONS(\`Family=inet, Name=MSA, Port=587, Addr=$address')dnl
CLIENT_OPTIONS(\`Family=inet, Addr=$address')dnl
MAILER(\`local')dnl
MAILER(\`smtp')dnl
END
m4 /etc/daimon/sendmail.mc > /etc/mail/sendmail.cf
# Debian's own may ask saslauthd, which doesn't run here; this one is looked for first.
printf 'pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\n' > /etc/sasl2/Sendmail.conf
echo "$USERS" | sort -u | while IFS=: read -r user password; do
    echo "$password" | saslpasswd2 -p -c -u "${user#*@}" "${user%@*}"
done
chmod 644 /etc/sasldb2
/usr/lib/sm.bin/newaliases -C/etc/mail/sendmail.cf >/dev/null 2>&1 || newaliases -C/etc/mail/sendmail.cf || true
# The command of local users hands in by SMTP.
cat > /etc/daimon/submit.mc <<END
include(\`/usr/share/sendmail/cf/m4/cf.m4')dnl
OSTYPE(\`debian')dnl
DOMAIN(\`debian-msp')dnl
define(\`confDOMAIN_NAME', \`$host')dnl
define(\`confDONT_PROBE_INTERFACES', \`True')dnl
FEATURE(\`msp', \`[$address]', \`25')dnl
END
m4 /etc/daimon/submit.mc > /etc/mail/submit.cf
/usr/sbin/sendmail -bd -q3s
