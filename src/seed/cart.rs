//! From the first item in the cart to an order, or to an abandoned cart.

use serde_json::{Value, json};

use super::{
    line::{major, product_line},
    products,
    session::Session,
};

const ORDER_CODE: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Of sessions with items in the cart: the shares that open it, start the checkout, and order.
const OPENS_CART: f64 = 0.74;
const CHECKS_OUT: f64 = 0.62;
const ORDERS: f64 = 0.6;

impl Session<'_> {
    /// Adds an item to the cart.
    pub(super) fn add(&mut self, item: usize) {
        let quantity = if self.visitor.rng.happens(0.12) { 2 } else { 1 };
        self.wait(2_000, 25_000);
        self.change("Product Added", item, quantity);
        match self.visitor.cart.iter_mut().find(|(inside, _)| *inside == item) {
            Some((_, before)) => *before += quantity,
            None => self.visitor.cart.push((item, quantity)),
        }
    }

    /// What happens to the cart in this session.
    pub(super) fn buy(&mut self) {
        if self.visitor.cart.is_empty() || !self.visitor.rng.happens(OPENS_CART) {
            return;
        }
        self.open_cart();
        if self.visitor.cart.len() > 1 && self.visitor.rng.happens(0.12) {
            let (item, quantity) = self.visitor.cart.remove(0);
            self.wait(3_000, 20_000);
            self.change("Product Removed", item, quantity);
        }
        if !self.visitor.rng.happens(CHECKS_OUT) {
            return;
        }
        if self.visitor.known.is_none() && self.visitor.rng.happens(0.3) {
            self.log_in();
        }
        self.open("/demo/checkout", "Checkout · Hojreh".into());
        let (goods, delivery) = self.totals();
        let mut properties = self.money(goods, delivery);
        properties["value"] = major(goods + delivery);
        self.track("Checkout Started", properties);
        if self.visitor.rng.happens(ORDERS) {
            self.order(goods, delivery);
        }
    }

    fn open_cart(&mut self) {
        self.open("/demo/cart", "Your basket · Hojreh".into());
        self.track("Cart Viewed", json!({ "products": self.products() }));
        if self.visitor.rng.happens(0.6) {
            let shown = products::related_to(&mut self.visitor.rng, "cart-recs", self.visitor.cart[0].0, self.shop);
            self.wait(2_000, 12_000);
            self.track("Slot Viewed", shown.seen(self.shop));
        }
    }

    fn order(&mut self, goods: i64, delivery: i64) {
        self.wait(20_000, 110_000);
        self.open("/demo/thanks", "Thank you · Hojreh".into());
        let mut properties = self.money(goods, delivery);
        properties["order_id"] = format!("H-{}", self.visitor.rng.code(ORDER_CODE, 14)).into();
        properties["total"] = major(goods + delivery);
        self.track("Order Completed", properties);
        self.visitor.cart.clear();
        self.visitor.orders += 1;
    }

    fn change(&mut self, event: &'static str, item: usize, quantity: u32) {
        let mut properties = self.visitor.sender.subject(&self.shop.items[item]);
        properties["quantity"] = quantity.into();
        self.track(event, properties);
    }

    /// Total of goods and delivery, as the shop calculates them.
    fn totals(&self) -> (i64, i64) {
        let goods = self.visitor.cart_minor(self.shop);
        (goods, if goods == 0 || goods >= 4_000 { 0 } else { 490 })
    }

    fn money(&self, goods: i64, delivery: i64) -> Value {
        json!({
            "revenue": major(goods), "shipping": major(delivery), "currency": "EUR", "products": self.products(),
        })
    }

    fn products(&self) -> Vec<Value> {
        let properties = |(item, quantity): &(usize, u32)| {
            let mut properties = product_line(&self.shop.items[*item]);
            properties["quantity"] = (*quantity).into();
            properties
        };
        self.visitor.cart.iter().map(properties).collect()
    }
}
