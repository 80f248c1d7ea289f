//! A made-up price: it walks at random and is drawn back to where it began.

pub struct Market {
    pub price: f64,
    middle: f64,
    state: u64,
}

impl Market {
    pub fn new(price: f64, seed: u64) -> Market {
        Market { price, middle: price, state: seed | 1 }
    }

    pub fn step(&mut self) {
        let pull = 0.01 * (self.middle - self.price);
        self.price += pull + self.price * self.random() * 0.0022;
    }

    /// A number between -1 and 1.
    fn random(&mut self) -> f64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}
