#!/bin/sh
# curl and an envelope of our own sign in once and print one line; what they call with stands in the environment
# (tests/toolkits/call.py).
set -eu

wsse='http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd'
text='http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText'

# Escapes the text of an element; the dot keeps trailing blanks and line ends that $(...) would drop.
escape() {
    escaped=$(printf '%s.' "$1" | sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/>/\&gt;/g')
    printf '%s' "${escaped%.}"
}

user=$(escape "$CALL_USER")
password=$(escape "$CALL_PASSWORD.")
password=${password%.}

header=
case "$CALL_CONTRACT/$CALL_CREDENTIAL" in
alma/*) children="<arg0>$user</arg0><arg1>$password</arg1>" ;;
authenticate/body) children="<m:userName>$user</m:userName><m:password>$password</m:password>" ;;
authenticate/token)
    children=
    header="<s:Header><w:Security xmlns:w=\"$wsse\" s:mustUnderstand=\"1\"><w:UsernameToken><w:Username>$user</w:Username><w:Password Type=\"$text\">$password</w:Password></w:UsernameToken></w:Security></s:Header>"
    ;;
*) children= ;;
esac

case "$CALL_CONTRACT" in
alma) namespace='http://alma.exlibris.com/' ;;
*) namespace='urn:soapgate:authenticate:1' ;;
esac

case "$CALL_VERSION" in
1.2)
    envelope='http://www.w3.org/2003/05/soap-envelope'
    set -- -H 'Content-Type: application/soap+xml; charset=utf-8; action="authenticateUser"'
    ;;
*)
    envelope='http://schemas.xmlsoap.org/soap/envelope/'
    set -- -H 'Content-Type: text/xml; charset=utf-8' -H 'SOAPAction: "authenticateUser"'
    ;;
esac

if [ -n "${CALL_BASIC_USER+set}" ]; then
    # As a configuration on standard input, so that no password stands in the list of processes.
    quoted=$(printf '%s:%s.' "$CALL_BASIC_USER" "$CALL_BASIC_PASSWORD" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g')
    configuration="user = \"${quoted%.}\""
else
    configuration=
fi

reply=$(
    printf '%s\n' "$configuration" | curl --silent --show-error --max-time 30 --noproxy '*' --config - "$@" \
        --write-out '\nstatus %{http_code}' --data-binary @/dev/fd/3 "$CALL_ENDPOINT" 3<<XML
<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="$envelope">$header<s:Body><m:authenticateUser xmlns:m="$namespace">$children</m:authenticateUser></s:Body></s:Envelope>
XML
)
status=${reply##*status }
flat=$(printf '%s' "${reply%status *}" | tr '\n' ' ')

# The text between <NAME> and its end tag, whatever the prefix; nothing when there is none.
element() {
    printf '%s' "$flat" | sed -n "s/.*<\([A-Za-z0-9]*:\)\{0,1\}$1\( [^>]*\)\{0,1\}>\([^<]*\)<\/.*/\3/p"
}

case "$status/$flat" in
401/*) echo 'http 401' ;;
*'<faultcode'*)
    code=$(element faultcode)
    echo "fault ${code##*:} $(element faultstring)"
    ;;
*':Fault'*)
    codes=$(printf '%s' "$flat" | grep -o '<[A-Za-z0-9]*:Value[^>]*>[^<]*<' | sed -e 's/<$//' -e 's/^.*[:>]//' | paste -s -d /)
    echo "fault $codes $(element Text)"
    ;;
200/*'&lt;errorsExist&gt;false&lt;'*'&lt;result&gt;true&lt;'*) echo accepted ;;
200/*'&lt;result&gt;false&lt;'*) echo refused ;;
200/*':return>true<'*) echo accepted ;;
200/*':return>false<'*) echo refused ;;
*)
    echo "unreadable reply, $status: $flat"
    exit 1
    ;;
esac
