//! A workspace app: the customers, staff, invoices and payments of a music shop.

mod customer;
mod employee;
mod invoice;
mod payment;
mod revenue;

use kageos_sdk::App;

pub use customer::Customer;
pub use employee::Employee;
pub use invoice::{Invoice, InvoiceLine, State};
pub use payment::{Payment, PaymentRecorded, RecordPayment};
pub use revenue::{RevenueByCountry, RevenueByMonth};

/// The data of the example: the table it belongs to, and CSV, in the order in which it is loaded.
pub const DATA: [(&str, &str); 4] = [
    ("employee.table", include_str!("../data/employee.csv")),
    ("customer.table", include_str!("../data/customer.csv")),
    ("invoice.table", include_str!("../data/invoice.csv")),
    ("invoice_line.table", include_str!("../data/invoice_line.csv")),
];

/// The app.
#[must_use]
pub fn app() -> App {
    App::new("crm")
        .title("Music shop")
        .description("Customers, staff, invoices and payments of a shop for digital music.")
        .table::<Customer>()
        .table::<Employee>()
        .table::<Invoice>()
        .table::<InvoiceLine>()
        .table::<Payment>()
        .form::<RecordPayment>()
        .chart::<RevenueByCountry>()
        .chart::<RevenueByMonth>()
        .docs("runbook", "Runbook", include_str!("runbook.md"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_declaration_is_sound() {
        let manifest = super::app().manifest().unwrap();
        for (path, csv) in super::DATA {
            let function = manifest.functions.iter().find(|function| function.path == path).unwrap();
            let row = &function.schema.table.as_ref().unwrap().row;
            let header = csv.lines().next().unwrap();
            for column in header.split(',').filter(|column| *column != "id") {
                assert!(row["properties"].get(column).is_some(), "{path}: {column}");
            }
        }
    }
}
