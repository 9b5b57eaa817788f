// gSOAP signs in once and prints one line; what it calls with stands in the environment (tests/toolkits/call.py).
// Compiled once per contract and SOAP version, over what wsdl2h and soapcpp2 made from the served WSDL: with -DALMA or
// -DAUTHENTICATE, and with -DSOAP11 or -DSOAP12.

#include <cstdlib>
#include <iostream>
#include <string>

#include "soapH.h"
#ifdef ALMA
#include "UserAuthenticationWebServicesSoapBinding.nsmap"
#else
#include "AuthenticateSoap11Binding.nsmap"
#include "wsseapi.h"
#endif

static std::string variable(const char *name)
{
    const char *value = std::getenv(name);
    return value ? value : "";
}

static std::string local(const char *name)
{
    const std::string text = name ? name : "";
    return text.substr(text.rfind(':') + 1);
}

static std::string failure(struct soap *soap)
{
    // gSOAP reads the fault in the body of a 401 as any other; the HTTP status is kept beside it.
    if (soap->status == 401 || soap->error == 401)
        return "http 401";
    soap_set_fault(soap);
    std::string codes = local(*soap_faultcode(soap));
    if (soap->version == 2 && soap_fault_subcode(soap))
        codes += "/" + local(soap_fault_subcode(soap));
    return "fault " + codes + " " + *soap_faultstring(soap);
}

#ifdef ALMA
static std::string call(struct soap *soap, const char *endpoint)
{
    std::string user = variable("CALL_USER"), password = variable("CALL_PASSWORD");
    ns1__authenticateUser arguments;
    arguments.arg0 = &user;
    arguments.arg1 = &password;
    ns1__authenticateUserResponse reply;
    if (soap_call___ns1__authenticateUser(soap, endpoint, nullptr, &arguments, reply) != SOAP_OK)
        return failure(soap);
    if (!reply.SearchResults)
        return "unreadable reply: no SearchResults";
    const auto holds = [&](const char *text) { return reply.SearchResults->find(text) != std::string::npos; };
    return holds("<result>true</result>") && !holds("<errorsExist>true</errorsExist>") ? "accepted" : "refused";
}
#else
#ifdef SOAP12
// The operation of the WSDL's second binding.
#define soap_call_authenticate soap_call___ns1__authenticateUser_
#else
#define soap_call_authenticate soap_call___ns1__authenticateUser
#endif

static std::string call(struct soap *soap, const char *endpoint)
{
    const std::string credential = variable("CALL_CREDENTIAL");
    std::string user = variable("CALL_USER"), password = variable("CALL_PASSWORD");
    _ns1__authenticateUser arguments;
    if (credential == "body") {
        arguments.userName = &user;
        arguments.password = &password;
    }
    soap_register_plugin(soap, soap_wsse);
    if (credential == "token")
        soap_wsse_add_UsernameTokenText(soap, "token", user.c_str(), password.c_str());
    if (credential == "digest")
        soap_wsse_add_UsernameTokenDigest(soap, "token", user.c_str(), password.c_str());
    _ns1__authenticateUserResponse reply;
    if (soap_call_authenticate(soap, endpoint, nullptr, &arguments, reply) != SOAP_OK)
        return failure(soap);
    return reply.return_ ? "accepted" : "refused";
}
#endif

int main()
{
    // Without this mode gSOAP takes a char for a Latin-1 character.
    struct soap *soap = soap_new1(SOAP_C_UTFSTRING);
    soap->connect_timeout = soap->send_timeout = soap->recv_timeout = 30;
    const std::string basic_user = variable("CALL_BASIC_USER"), basic_password = variable("CALL_BASIC_PASSWORD");
    if (!basic_user.empty()) {
        soap->userid = basic_user.c_str();
        soap->passwd = basic_password.c_str();
    }
    std::cout << call(soap, variable("CALL_ENDPOINT").c_str()) << std::endl;
    soap_destroy(soap);
    soap_end(soap);
    soap_free(soap);
    return 0;
}
