//! Who buys.

use kageos_sdk::{Email, FileRef, RowId, Table};

use crate::Employee;

/// A customer of the shop.
#[derive(Debug, Clone, PartialEq, Table)]
#[table(title = "Customers", history, search = [first_name, last_name, company, email], sort = ["last_name", "first_name"])]
pub struct Customer {
    /// The row's id.
    #[field(id)]
    pub id: RowId,
    /// First name.
    #[field(min_len = 1, max_len = 80, group = "Person")]
    pub first_name: String,
    /// Last name.
    #[field(min_len = 1, max_len = 80, group = "Person")]
    pub last_name: String,
    /// The company, for a business customer.
    #[field(max_len = 160, group = "Person")]
    pub company: Option<String>,
    /// Where invoices are sent.
    #[field(title = "E-mail", group = "Contact")]
    pub email: Email,
    /// Telephone, as the customer writes it.
    #[field(max_len = 40, group = "Contact")]
    pub phone: Option<String>,
    /// Fax, as the customer writes it.
    #[field(max_len = 40, group = "Contact", list = false)]
    pub fax: Option<String>,
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
    #[field(max_len = 80, group = "Address")]
    pub country: Option<String>,
    /// Postal code.
    #[field(max_len = 20, group = "Address", list = false)]
    pub postal_code: Option<String>,
    /// Who looks after the customer.
    #[field(title = "Looked after by", relation = Employee, label = "last_name")]
    pub support_rep: Option<RowId>,
    /// Contracts, letters and whatever else belongs to the customer.
    #[field(max_len = 20, max_bytes = 20_000_000, list = false)]
    pub documents: Vec<FileRef>,
}
