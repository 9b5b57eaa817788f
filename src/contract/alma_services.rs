//! Alma's deprecated SOAP services: their names, paths and operations, as clients know them.

/// The namespace of every service and operation.
pub const ALMA_NAMESPACE: &str = "http://alma.exlibris.com/";

/// One operation: its name and how many arguments `arg0`, `arg1`, … it takes.
#[derive(Debug, PartialEq, Eq)]
pub struct AlmaOperation {
    /// The local name of the first body element.
    pub name: &'static str,
    /// The number of arguments, all optional strings.
    pub arguments: usize,
}

/// One service and the paths where clients post to it.
#[derive(Debug, PartialEq, Eq)]
pub struct AlmaService {
    /// The service's name in its WSDL.
    pub name: &'static str,
    /// Its paths: both folders where it is unsure which one Alma used.
    pub paths: &'static [&'static str],
    /// Its operations.
    pub operations: &'static [AlmaOperation],
}

const fn op(name: &'static str, arguments: usize) -> AlmaOperation {
    AlmaOperation { name, arguments }
}

/// The one operation that is served.
pub(crate) const AUTHENTICATE_USER: &str = "authenticateUser";

/// Every service of which clients are known.
pub static ALMA_SERVICES: [AlmaService; 7] = [
    AlmaService {
        name: "UserAuthenticationWebServices",
        paths: &["/almaws/repository/UserAuthenticationWebServices"],
        operations: &[op(AUTHENTICATE_USER, 2)],
    },
    AlmaService {
        name: "UserWebServices",
        paths: &["/almaws/repository/UserWebServices"],
        operations: &[op("getUserDetails", 2), op("createUser", 3), op("updateUser", 4), op("deleteUser", 2)],
    },
    AlmaService {
        name: "ResourceManagementWebServices",
        paths: &["/almaws/repository/ResourceManagementWebServices"],
        operations: &[op("retrieveHoldingsInformation", 1)],
    },
    AlmaService {
        name: "CourseWebServices",
        paths: &["/almaws/CourseWebServices"],
        operations: &[
            op("searchCourseInformation", 3),
            op("createCourse", 1),
            op("updateCourse", 1),
            op("deleteCourse", 1),
            op("createReadinglist", 2),
            op("updateReadinglist", 1),
            op("deleteReadinglist", 1),
            op("createCitation", 2),
            op("updateCitation", 1),
            op("deleteCitation", 1),
        ],
    },
    AlmaService {
        name: "LoanWebServices",
        paths: &["/almaws/LoanWebServices"],
        operations: &[op("getUserLoans", 4), op("renewUserLoans", 1)],
    },
    AlmaService {
        name: "RequestWebServices",
        paths: &["/almaws/repository/RequestWebServices", "/almaws/RequestWebServices"],
        operations: &[op("getUserRequests", 5), op("cancelUserRequests", 3)],
    },
    AlmaService {
        name: "AnalyticsWebServices",
        paths: &["/almaws/repository/AnalyticsWebServices", "/almaws/AnalyticsWebServices"],
        operations: &[op("getAnalyticsResultsAsXml", 3), op("fetchNext", 1)],
    },
];

impl AlmaService {
    /// The service's operation of that local name.
    #[must_use]
    pub fn operation(&self, local: &str) -> Option<&'static AlmaOperation> {
        self.operations.iter().find(|operation| operation.name == local)
    }
}
