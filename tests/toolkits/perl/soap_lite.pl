#!/usr/bin/perl
# SOAP::Lite signs in once and prints one line; what it calls with stands in the environment (tests/toolkits/call.py).
# Basic goes the way LWP sends it: only after the server's challenge.
use strict;
use warnings;
use utf8;

use Encode qw(decode_utf8);
use SOAP::Lite;

binmode STDOUT, ':encoding(UTF-8)';

my $wsse = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd';
my $text = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText';
my %call = map { $_ => defined $ENV{"CALL_$_"} ? decode_utf8($ENV{"CALL_$_"}) : undef }
    qw(CONTRACT ENDPOINT VERSION CREDENTIAL USER PASSWORD BASIC_USER BASIC_PASSWORD);

# LWP asks this function for the credentials of the realm that challenged it, and encodes them as the challenge says.
sub SOAP::Transport::HTTP::Client::get_basic_credentials {
    return unless defined $call{BASIC_USER};
    return ($call{BASIC_USER}, $call{BASIC_PASSWORD});
}

my $alma = $call{CONTRACT} eq 'alma';
# Before the first object: each takes its names from the version of the moment.
SOAP::Lite->soapversion($call{VERSION});
my $soap = SOAP::Lite->proxy($call{ENDPOINT}, timeout => 30)->encoding('utf-8')
    ->default_ns($alma ? 'http://alma.exlibris.com/' : 'urn:soapgate:authenticate:1')
    ->on_action(sub { 'authenticateUser' })->on_fault(sub { return $_[1] });
$soap->transport->env_proxy(0) if $soap->transport->can('env_proxy');

my @arguments;
if ($alma) {
    # Unqualified, as the schema says.
    @arguments = map { SOAP::Data->name($_->[0])->attr({ xmlns => '' })->type('string')->value($_->[1]) }
        ([ arg0 => $call{USER} ], [ arg1 => $call{PASSWORD} ]);
}
elsif ($call{CREDENTIAL} eq 'body') {
    @arguments = map { SOAP::Data->name($_->[0])->type('string')->value($_->[1]) }
        ([ userName => $call{USER} ], [ password => $call{PASSWORD} ]);
}
elsif ($call{CREDENTIAL} eq 'token') {
    my $token = SOAP::Data->name('wsse:UsernameToken')->value(\SOAP::Data->value(
        SOAP::Data->name('wsse:Username')->type('string')->value($call{USER}),
        SOAP::Data->name('wsse:Password')->type('string')->attr({ Type => $text })->value($call{PASSWORD}),
    ));
    push @arguments, SOAP::Header->name('wsse:Security')->attr({ 'xmlns:wsse' => $wsse })
        ->mustUnderstand(1)->value(\$token);
}

my $reply = $soap->call('authenticateUser', @arguments);
print line(), "\n";

sub line {
    return 'http 401' if $soap->transport->status =~ /^401/;
    die 'no reply: ' . $soap->transport->status . "\n" unless ref $reply;
    if ($reply->fault) {
        my ($code, $reason) = ($reply->faultcode, $reply->faultstring);
        if ($call{VERSION} eq '1.2') {
            my $fault = $reply->fault;
            $reason = $fault->{Reason}{Text};
            $code = join '/', map { s/^.*://r } grep { defined } $fault->{Code}{Value}, $fault->{Code}{Subcode}{Value};
        }
        $code =~ s/^.*://;
        return "fault $code $reason";
    }
    my $result = $reply->result;
    return $result eq 'true' ? 'accepted' : 'refused' unless $alma;
    my $accepted = $result =~ m{<result>true</result>} && $result !~ m{<errorsExist>true</errorsExist>};
    return $accepted ? 'accepted' : 'refused';
}
