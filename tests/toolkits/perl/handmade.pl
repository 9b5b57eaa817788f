#!/usr/bin/perl
# A call written by hand, as one library's sign-in script did it: no SOAPAction, no charset, an encodingStyle on the
# Envelope, and values that nobody escaped. It prints one line; what it calls with stands in the environment
# (tests/toolkits/call.py).
use strict;
use warnings;

use HTTP::Tiny;
use MIME::Base64 qw(encode_base64);

# Bytes throughout: the environment is UTF-8 already.
my ($endpoint, $user, $password) = map { $ENV{"CALL_$_"} } qw(ENDPOINT USER PASSWORD);
my $basic = encode_base64("$ENV{CALL_BASIC_USER}:$ENV{CALL_BASIC_PASSWORD}", '');

my $message = <<"XML";
<?xml version="1.0" encoding="UTF-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" soap:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">
  <soap:Body xmlns:m="http://alma.exlibris.com/">
    <m:authenticateUser>
      <arg0>$user</arg0>
      <arg1>$password</arg1>
    </m:authenticateUser>
  </soap:Body>
</soap:Envelope>
XML

# Proxies of the environment are not for a server on this machine.
my $http = HTTP::Tiny->new(timeout => 30, http_proxy => undef, all_proxy => undef);
my $reply = $http->post($endpoint, {
    content => $message,
    headers => { 'Content-Type' => 'text/xml', Authorization => "Basic $basic" },
});
print line($reply->{status}, $reply->{content}), "\n";

sub line {
    my ($status, $text) = @_;
    return 'http 401' if $status == 401;
    if (my ($code, $reason) = $text =~ m{<faultcode>(?:[^<:]*:)?([^<]*)</faultcode>\s*<faultstring[^>]*>([^<]*)</faultstring>}) {
        return "fault $code $reason";
    }
    die "status $status: $text\n" unless $status == 200;
    $text =~ s/&lt;/</g;
    $text =~ s/&gt;/>/g;
    return $text =~ m{<errorsExist>false</errorsExist} && $text =~ m{<result>true<} ? 'accepted' : 'refused';
}
