//! What the shop earns.

use std::collections::BTreeMap;

use kageos_sdk::{Bucket, Chart, Ctx, Date, Decimal, Figures, Filter, Point, Query, Result, Window};

use crate::Invoice;

/// Most invoices that one chart adds up.
const MAX_INVOICES: usize = 50_000;

/// Revenue by the country of the billing address, highest first.
#[derive(Debug, Chart)]
#[chart(title = "Revenue by country", mark = bar, x = "Country", y = "Revenue", unit = "USD", source = Invoice, time)]
pub struct RevenueByCountry;

impl Query for RevenueByCountry {
    async fn query(window: Window, ctx: &Ctx) -> Result<Figures> {
        let mut sums = BTreeMap::<String, Decimal>::new();
        for invoice in invoices(&window, ctx).await? {
            *sums.entry(invoice.billing_country.unwrap_or_default()).or_default() += invoice.total;
        }
        let mut sums: Vec<_> = sums.into_iter().collect();
        sums.sort_by(|(_, one), (_, other)| other.cmp(one));
        let point = |(country, sum): &(String, Decimal)| {
            let of_country = Filter::Eq("billing_country".to_owned(), country.as_str().into());
            Point::new(country, *sum).leads_to(Filter::And(vec![of_country, window.rows("invoice_date")]))
        };
        let total: Decimal = sums.iter().map(|(_, sum)| *sum).sum();
        Ok(Figures::one("Revenue", sums.iter().map(point).collect()).total(total))
    }
}

/// Revenue over time, by month unless another bucket is asked for.
#[derive(Debug, Chart)]
#[chart(title = "Revenue by month", mark = area, x = "Month", y = "Revenue", unit = "USD", source = Invoice, time)]
pub struct RevenueByMonth;

impl Query for RevenueByMonth {
    async fn query(window: Window, ctx: &Ctx) -> Result<Figures> {
        let bucket = window.bucket.unwrap_or(Bucket::Month);
        let mut sums = BTreeMap::<Date, Decimal>::new();
        for invoice in invoices(&window, ctx).await? {
            *sums.entry(bucket.start(invoice.invoice_date)).or_default() += invoice.total;
        }
        let point = |(day, sum): (&Date, &Decimal)| {
            Point::new(day, *sum).leads_to(bucket.filter("invoice_date", *day))
        };
        let total: Decimal = sums.values().sum();
        Ok(Figures::one("Revenue", sums.iter().map(point).collect()).total(total))
    }
}

async fn invoices(window: &Window, ctx: &Ctx) -> Result<Vec<Invoice>> {
    ctx.table::<Invoice>().search().filter(window.rows("invoice_date")).all(MAX_INVOICES).await
}
