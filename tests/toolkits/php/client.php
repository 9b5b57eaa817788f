<?php
// PHP's SoapClient signs in once and prints one line; what it calls with stands in the environment (tests/toolkits/call.py).
declare(strict_types=1);

const WSSE = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd';
const TEXT = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText';

/** ext-soap has no WS-Security: its users write the header by hand. */
function username_token(string $user, string $password): SoapHeader
{
    $escape = static fn (string $text): string => htmlspecialchars($text, ENT_XML1 | ENT_QUOTES, 'UTF-8');
    $xml = '<wsse:Security xmlns:wsse="' . WSSE . '"><wsse:UsernameToken>'
        . '<wsse:Username>' . $escape($user) . '</wsse:Username>'
        . '<wsse:Password Type="' . TEXT . '">' . $escape($password) . '</wsse:Password>'
        . '</wsse:UsernameToken></wsse:Security>';
    return new SoapHeader(WSSE, 'Security', new SoapVar($xml, XSD_ANYXML), true);
}

/** As a site does that casts `result` of a SimpleXMLElement to a string and compares exactly. */
function read_exactly(string $inner): string
{
    $document = new SimpleXMLElement($inner);
    return (string) $document->result === 'true' ? 'accepted' : 'refused';
}

/** As a library does that shows its users the first error's code and message. */
function read_errors(string $inner): string
{
    $document = new SimpleXMLElement($inner);
    if ((string) $document->errorsExist === 'true') {
        $error = $document->errorList->error[0];
        return 'refused ' . $error->errorCode . ' ' . $error->errorMessage;
    }
    return (string) $document->result === 'true' ? 'accepted' : 'refused';
}

/** As a site does that decodes the entities of the whole reply and then reads it as one tree. */
function read_decoded(string $reply): string
{
    $document = new DOMDocument('1.0', 'utf8');
    if (!$document->loadXML(html_entity_decode($reply))) {
        return 'unreadable reply';
    }
    $first = static fn (string $name): string => strtolower($document->getElementsByTagName($name)->item(0)->nodeValue);
    return $first('result') === 'true' && $first('errorsExist') !== 'true' ? 'accepted' : 'refused';
}

function call(): string
{
    $version12 = getenv('CALL_VERSION') === '1.2';
    $options = [
        'cache_wsdl' => WSDL_CACHE_NONE,
        'exceptions' => true,
        'location' => getenv('CALL_ENDPOINT'),
        'soap_version' => $version12 ? SOAP_1_2 : SOAP_1_1,
        'trace' => true,
    ];
    if (getenv('CALL_BASIC_USER') !== false) {
        $options['login'] = getenv('CALL_BASIC_USER');
        $options['password'] = getenv('CALL_BASIC_PASSWORD');
    }
    $client = new SoapClient(getenv('CALL_WSDL'), $options);
    $user = getenv('CALL_USER');
    $password = getenv('CALL_PASSWORD');
    try {
        if (getenv('CALL_CONTRACT') === 'alma') {
            $reply = $client->authenticateUser(['arg0' => $user, 'arg1' => $password]);
            return match (getenv('CALL_READER')) {
                'decoded' => read_decoded($client->__getLastResponse()),
                'errors' => read_errors($reply->SearchResults),
                default => read_exactly($reply->SearchResults),
            };
        }
        $arguments = [];
        switch (getenv('CALL_CREDENTIAL')) {
            case 'body':
                $arguments = ['userName' => $user, 'password' => $password];
                break;
            case 'token':
                $client->__setSoapHeaders(username_token($user, $password));
                break;
        }
        return $client->authenticateUser($arguments)->return === true ? 'accepted' : 'refused';
    } catch (SoapFault $fault) {
        if (preg_match('#^HTTP/1\.\d 401#', (string) $client->__getLastResponseHeaders())) {
            return 'http 401';
        }
        $code = preg_replace('/^.*:/', '', (string) $fault->faultcode);
        return "fault $code {$fault->faultstring}";
    }
}

echo call(), "\n";
