//! From the first thing in the basket to an order, or to a basket left behind.

use serde_json::{Value, json};

use super::{
    line::{major, part},
    products,
    visit::Visit,
};

const ORDER_CODE: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Of those with something in the basket, who looks into it, who goes on, and who orders.
const LOOKS: f64 = 0.74;
const CHECKS_OUT: f64 = 0.62;
const ORDERS: f64 = 0.6;

impl Visit<'_> {
    /// Puts an item into the basket.
    pub(super) fn add(&mut self, item: usize) {
        let many = if self.person.chance.says(0.12) { 2 } else { 1 };
        self.passes(2_000, 25_000);
        self.change("Product Added", item, many);
        match self.person.cart.iter_mut().find(|(inside, _)| *inside == item) {
            Some((_, before)) => *before += many,
            None => self.person.cart.push((item, many)),
        }
    }

    /// What becomes of the basket in this visit.
    pub(super) fn buy(&mut self) {
        if self.person.cart.is_empty() || !self.person.chance.says(LOOKS) {
            return;
        }
        self.look_into();
        if self.person.cart.len() > 1 && self.person.chance.says(0.12) {
            let (item, many) = self.person.cart.remove(0);
            self.passes(3_000, 20_000);
            self.change("Product Removed", item, many);
        }
        if !self.person.chance.says(CHECKS_OUT) {
            return;
        }
        if self.person.known.is_none() && self.person.chance.says(0.3) {
            self.log_in();
        }
        self.open("/demo/checkout", "Checkout · Hojreh".into());
        let (goods, delivery) = self.totals();
        let mut told = self.money(goods, delivery);
        told["value"] = major(goods + delivery);
        self.track("Checkout Started", told);
        if self.person.chance.says(ORDERS) {
            self.order(goods, delivery);
        }
    }

    fn look_into(&mut self) {
        self.open("/demo/cart", "Your basket · Hojreh".into());
        self.track("Cart Viewed", json!({ "products": self.products() }));
        if self.person.chance.says(0.6) {
            let shown = products::beside(&mut self.person.chance, "cart-recs", self.person.cart[0].0, self.shop);
            self.passes(2_000, 12_000);
            self.track("Slot Viewed", shown.seen(self.shop));
        }
    }

    fn order(&mut self, goods: i64, delivery: i64) {
        self.passes(20_000, 110_000);
        self.open("/demo/thanks", "Thank you · Hojreh".into());
        let mut told = self.money(goods, delivery);
        told["order_id"] = format!("H-{}", self.person.chance.code(ORDER_CODE, 14)).into();
        told["total"] = major(goods + delivery);
        self.track("Order Completed", told);
        self.person.cart.clear();
        self.person.orders += 1;
    }

    fn change(&mut self, event: &'static str, item: usize, many: u32) {
        let mut told = self.person.sender.subject(&self.shop.items[item]);
        told["quantity"] = many.into();
        self.track(event, told);
    }

    /// Goods and delivery, as the shop reckons them.
    fn totals(&self) -> (i64, i64) {
        let goods = self.person.cart_minor(self.shop);
        (goods, if goods == 0 || goods >= 4_000 { 0 } else { 490 })
    }

    fn money(&self, goods: i64, delivery: i64) -> Value {
        json!({
            "revenue": major(goods), "shipping": major(delivery), "currency": "EUR", "products": self.products(),
        })
    }

    fn products(&self) -> Vec<Value> {
        let told = |(item, many): &(usize, u32)| {
            let mut told = part(&self.shop.items[*item]);
            told["quantity"] = (*many).into();
            told
        };
        self.person.cart.iter().map(told).collect()
    }
}
