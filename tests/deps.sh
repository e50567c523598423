#!/bin/sh
# Installs what the private servers of the demo and the tests are made of. It says what it does, does nothing
# that is done already, and starts no system service: everything Daimon runs, it starts itself, privately.
#
# `deps.sh courier` also unpacks Courier aside, which the stories may read from instead of Dovecot (`make test-second`).
# `deps.sh verify` also fetches, into .daimon/verify and from the registries of Python and JavaScript, what the stories in other
# languages need: the reference libraries of Standard Webhooks, Python's `requests` for the document's samples, two generators of
# clients, and what the document and the API are checked with.
# `deps.sh isync` and `deps.sh wrk` also install what the benches of reading mail and of the API measure with.
#
# Debian's packages are wanted because the point is to meet the real programs: Postgres, Redis, Dovecot and Postfix.
set -eu

say() { printf 'deps: %s\n' "$*"; }
fail() { printf 'deps: %s\n' "$*" >&2; exit 1; }

root=$(cd "$(dirname "$0")/.." && pwd)
private=$root/.daimon/postfix # an unpacked Postfix, on machines that use another mail server

missing=
need() { missing="$missing $1"; }

ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || command -v postgres >/dev/null 2>&1 || need postgresql
command -v redis-server >/dev/null 2>&1 || command -v valkey-server >/dev/null 2>&1 || need redis-server
[ -x /usr/sbin/dovecot ] && [ -x /usr/lib/dovecot/imap ] || need dovecot-imapd
[ -x /usr/lib/dovecot/lmtp ] || need dovecot-lmtpd
[ -x /usr/lib/postfix/sbin/master ] || [ -x "$private/usr/lib/postfix/sbin/master" ] || need postfix
# Only for those who ask for it: what the bench of reading mail is compared with.
[ "${1:-}" != isync ] || command -v mbsync >/dev/null 2>&1 || need isync
# And what asks the API as often as it answers.
[ "${1:-}" != wrk ] || command -v wrk >/dev/null 2>&1 || need wrk

# Only for the stories in which receivers verify and samples are run.
if [ "${1:-}" = verify ]; then
    command -v curl >/dev/null 2>&1 || need curl
    command -v python3 >/dev/null 2>&1 || need python3
    python3 -m pip --version >/dev/null 2>&1 || need python3-pip
    command -v node >/dev/null 2>&1 || need nodejs
    command -v npm >/dev/null 2>&1 || need npm
    command -v jq >/dev/null 2>&1 || need jq
fi

if [ -n "$missing" ]; then
    by_hand="please install by hand:$missing (Debian's names)"
    command -v apt-get >/dev/null 2>&1 && command -v dpkg >/dev/null 2>&1 || fail "this is not Debian; $by_hand"
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif command -v sudo >/dev/null 2>&1; then
        as_root=sudo
    else
        fail "neither root nor sudo; $by_hand, for example: apt-get install --no-install-recommends$missing"
    fi

    # Another mail server owns /usr/sbin/sendmail: apt would remove it to make room. Leave it, unpack ours aside.
    aside=
    other=$(dpkg-query -W -f '${db:Status-Abbrev}|${Package}|${Provides}\n' 2>/dev/null |
        awk -F'|' '$1 ~ /^ii/ && $3 ~ /mail-transport-agent/ && $2 != "postfix" { print $2 }' | head -n 1)
    case $missing in
    *postfix*) if [ -n "$other" ]; then
        aside=yes
        missing=$(printf '%s' "$missing" | sed 's/ postfix//')
    fi ;;
    esac

    say "the private servers need packages this machine lacks:$missing${aside:+ postfix}"
    say "\$ ${as_root:+$as_root }apt-get update"
    $as_root apt-get -q update || fail "apt-get update did not work; $by_hand"

    if [ -n "$missing" ]; then
        # policy-rc.d answering 101 is Debian's way to say "install, do not start". Whatever stood there comes back.
        policy=/usr/sbin/policy-rc.d
        kept=$policy.before-daimon
        restore() {
            if [ -e "$kept" ]; then $as_root mv -f "$kept" "$policy"; else $as_root rm -f "$policy"; fi
        }
        if [ -e "$policy" ] && [ ! -e "$kept" ]; then $as_root mv "$policy" "$kept"; fi
        trap restore EXIT
        trap 'exit 130' INT
        trap 'exit 143' TERM
        printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
        $as_root chmod 755 "$policy"
        say "\$ ${as_root:+$as_root }apt-get install --no-install-recommends$missing   (no service is started)"
        # shellcheck disable=SC2086 # one word per package
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 install --no-install-recommends $missing ||
            fail "apt-get could not install$missing; $by_hand"
        restore
        trap - EXIT INT TERM
    fi

    if [ -n "$aside" ]; then
        say "$other is this machine's mail server and stays; Postfix is unpacked into .daimon/postfix, for tests only"
        mkdir -p "$private"
        (cd "$private" && apt-get -q download postfix && dpkg -x postfix_*.deb . && rm -f postfix_*.deb) ||
            fail "Postfix could not be fetched; the stories and the demo need it"
    fi
fi

# Courier's package excludes Dovecot's, so it is never installed: what the machine may lack is unpacked with it.
courier=$root/.daimon/courier
if [ "${1-}" = courier ] && [ ! -e "$courier/usr/bin/imapd" ]; then
    command -v apt-get >/dev/null 2>&1 && command -v dpkg >/dev/null 2>&1 || fail "this is not Debian: no Courier"
    say "Courier is unpacked into .daimon/courier, for tests only"
    rm -rf "$courier" "$courier.new"
    mkdir -p "$courier.new/packages"
    (cd "$courier.new/packages" && apt-get -q download courier-imap courier-base courier-authlib courier-authlib-pipe \
        libcourier-unicode4 libgdbm6 libltdl7 libidn12 libpcre3 libgamin0 gamin) || fail "Courier's packages could not be fetched"
    for package in "$courier.new"/packages/*.deb; do dpkg -x "$package" "$courier.new"; done
    # Laid over a /usr into which /lib was merged.
    if [ -d "$courier.new/lib" ]; then cp -a "$courier.new/lib/." "$courier.new/usr/lib/"; fi
    rm -rf "$courier.new/packages" "$courier.new/lib"
    mv "$courier.new" "$courier"
fi

# The versions are pinned, so that a run is the same tomorrow. A folder appears when its library is whole.
verify=$root/.daimon/verify
library() { # folder, file that proves it, command that fetches into the current folder
    [ ! -e "$verify/$1/$2" ] || return 0
    say "what the stories in other languages need is fetched into .daimon/verify/$1"
    rm -rf "${verify:?}/$1" "$verify/$1.new"
    mkdir -p "$verify/$1.new"
    (cd "$verify/$1.new" && eval "$3" >fetch.log 2>&1) || {
        cat "$verify/$1.new/fetch.log" >&2
        fail "the libraries for $1 could not be fetched"
    }
    mv "$verify/$1.new" "$verify/$1"
}
if [ "${1-}" = verify ]; then
    library python standardwebhooks "python3 -m pip install -q --disable-pip-version-check --no-deps --target . standardwebhooks==1.1.0"
    library javascript node_modules/standardwebhooks "npm install --silent --no-audit --no-fund --prefix . standardwebhooks@1.1.1"
    library requests requests/__init__.py "python3 -m pip install -q --disable-pip-version-check --target . requests==2.32.5"
    library schemathesis schemathesis/__init__.py "python3 -m pip install -q --disable-pip-version-check --target . schemathesis==4.32.5"
    library openapi-python-client openapi_python_client "python3 -m pip install -q --disable-pip-version-check --target . openapi-python-client==0.29.1"
    library openapi-typescript node_modules/openapi-typescript "npm install --silent --no-audit --no-fund --prefix . openapi-typescript@7.13.0 openapi-fetch@0.17.0 typescript@5.9.3 @types/node@20.19.25 standardwebhooks@1.1.1"
    library spectral node_modules/@stoplight/spectral-cli "npm install --silent --no-audit --no-fund --prefix . @stoplight/spectral-cli@6.16.3"
fi

command -v cargo >/dev/null 2>&1 || fail "Rust is missing: see https://rustup.rs (version 1.95 or newer)"
if ! cargo nextest --version >/dev/null 2>&1; then
    say "\$ cargo install cargo-nextest --locked   (the test runner; a few minutes, once)"
    cargo install cargo-nextest --locked || fail "cargo-nextest could not be built; see https://nexte.st/docs/installation"
fi
say "everything is here"
