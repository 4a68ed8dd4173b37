//! Arithmetic in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1, the field of FIPS 197: no table and no branch depends on a value.

use std::hint::black_box;

/// The product.
pub(super) fn mul(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    for _ in 0..8 {
        product ^= a & mask(b & 1);
        let carry = mask(a >> 7);
        a = (a << 1) ^ (0x1B & carry);
        b >>= 1;
    }
    product
}

/// The inverse, a^254; 0 for 0.
pub(super) fn invert(a: u8) -> u8 {
    let (mut power, mut inverse) = (a, 1);
    // 254 = 2 + 4 + … + 128
    for _ in 0..7 {
        power = mul(power, power);
        inverse = mul(inverse, power);
    }
    inverse
}

/// The polynomial with these coefficients, the constant one first, at `x`.
pub(super) fn evaluate(coefficients: &[u8], x: u8) -> u8 {
    coefficients
        .iter()
        .rev()
        .fold(0, |value, coefficient| mul(value, x) ^ coefficient)
}

/// For each of `xs`, which differ, the factor of its value in the value at `x` of the polynomial of least degree (Lagrange).
pub(super) fn lagrange(xs: &[u8], x: u8) -> Vec<u8> {
    let factor = |at: usize, this: u8| {
        let others = xs.iter().enumerate().filter(|(other, _)| *other != at);
        others.fold(1, |product, (_, other)| {
            // In this field, subtraction is exclusive or.
            mul(product, mul(x ^ other, invert(this ^ other)))
        })
    };
    xs.iter()
        .enumerate()
        .map(|(at, this)| factor(at, *this))
        .collect()
}

/// All ones for 1, zero for 0; opaque, so that the optimiser makes no branch of it.
fn mask(bit: u8) -> u8 {
    0_u8.wrapping_sub(black_box(bit))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Multiplication as one learns it: polynomials, then the remainder.
    fn by_the_book(a: u8, b: u8) -> u8 {
        let mut product = 0_u16;
        for bit in 0..8 {
            if b >> bit & 1 == 1 {
                product ^= u16::from(a) << bit;
            }
        }
        for bit in (8..16).rev() {
            if product >> bit & 1 == 1 {
                product ^= 0x11B << (bit - 8);
            }
        }
        u8::try_from(product).unwrap()
    }

    #[test]
    fn every_product_and_every_inverse_is_that_of_the_field() {
        for a in 0..=u8::MAX {
            for b in 0..=u8::MAX {
                assert_eq!(mul(a, b), by_the_book(a, b), "{a} {b}");
            }
            assert_eq!(mul(a, invert(a)), u8::from(a != 0), "{a}");
        }
        // FIPS 197, section 4.2.
        assert_eq!((mul(0x57, 0x83), mul(0x57, 0x13)), (0xC1, 0xFE));
    }

    #[test]
    fn points_of_a_polynomial_give_it_back() {
        let coefficients = [0x42, 0x00, 0xFF, 0x07];
        let xs = [1, 9, 200, 255];
        for x in [0, 3, 9, 77] {
            let factors = lagrange(&xs, x);
            let value = xs.iter().zip(factors).fold(0, |sum, (at, factor)| {
                sum ^ mul(factor, evaluate(&coefficients, *at))
            });
            assert_eq!(value, evaluate(&coefficients, x));
        }
    }
}
