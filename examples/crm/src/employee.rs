//! Who works here.

use kageos_sdk::{Date, Email, RowId, Table, UserRef};

/// A member of the staff.
#[derive(Debug, Clone, PartialEq, Table)]
#[table(title = "Staff", history, search = [first_name, last_name, title], sort = ["last_name"])]
pub struct Employee {
    /// The row's id.
    #[field(id)]
    pub id: RowId,
    /// First name.
    #[field(min_len = 1, max_len = 80)]
    pub first_name: String,
    /// Last name.
    #[field(min_len = 1, max_len = 80)]
    pub last_name: String,
    /// What the person does here.
    #[field(title = "Position", max_len = 80)]
    pub title: Option<String>,
    /// The person's superior.
    #[field(relation = Employee, label = "last_name")]
    pub reports_to: Option<RowId>,
    /// Day of birth.
    #[field(sensitive, list = false, filter = false, sort = false)]
    pub birth_date: Option<Date>,
    /// First day here.
    #[field(title = "Hired on")]
    pub hire_date: Option<Date>,
    /// Street and number.
    #[field(max_len = 160, group = "Address", list = false)]
    pub address: Option<String>,
    /// City.
    #[field(max_len = 80, group = "Address")]
    pub city: Option<String>,
    /// State or province.
    #[field(max_len = 80, group = "Address", list = false)]
    pub state: Option<String>,
    /// Country.
    #[field(max_len = 80, group = "Address", list = false)]
    pub country: Option<String>,
    /// Postal code.
    #[field(max_len = 20, group = "Address", list = false)]
    pub postal_code: Option<String>,
    /// Telephone.
    #[field(max_len = 40, group = "Contact")]
    pub phone: Option<String>,
    /// Fax.
    #[field(max_len = 40, group = "Contact", list = false)]
    pub fax: Option<String>,
    /// E-mail.
    #[field(title = "E-mail", group = "Contact")]
    pub email: Option<Email>,
    /// The account with which the person signs in here.
    #[field(group = "Contact")]
    pub account: Option<UserRef>,
}
