//! What goes wrong in Alma's own words.

use crate::support::fake::fault::Fault;

pub(crate) fn truncated_json() -> Fault {
    let body = "{\"errorsExist\":true,\"errorList\":{\"error\":[{\"errorCode\":\"4018";
    Fault::raw("400 Bad Request", "application/json", body)
}

pub(crate) fn wrong_content_type() -> Fault {
    let body = "{\"errorsExist\":true,\"errorList\":{\"error\":[{\"errorCode\":\"401866\"}]}}";
    Fault::raw("400 Bad Request", "text/html", body)
}

pub(crate) fn failing() -> Fault {
    let body = "{\"errorsExist\":true,\"errorList\":{\"error\":[{\"errorCode\":\"GENERAL_ERROR\"}]}}";
    Fault::raw("500 Internal Server Error", "application/json", body)
}

pub(crate) fn routing() -> Fault {
    let body = "<web_service_result><errorList><error><errorCode>ROUTING_ERROR</errorCode><errorMessage>here & there\
                </errorMessage></error></errorList></web_service_result>";
    Fault::raw("503 Service Unavailable", "application/xml", body)
}
