//! Every pass against burn's own operations: outputs, and gradients of all inputs.

use burn::tensor::{Bool, Device, Distribution, Tensor};

use super::dropout::Mask;
use super::vector::{exp, normal};
use crate::testing::{Flat, assert_close, device, flat, heads, hidden, numbers, run, seeded, values};
use crate::{Activation, portable};

/// The pass and burn's operations give the same, on autodiff tensors and, the output, on plain ones.
fn same<const D: usize>(
    name: &str,
    sizes: &[usize],
    pass: impl Fn(Vec<Flat>) -> Tensor<D>,
    reference: impl Fn(Vec<Flat>) -> Tensor<D>,
) {
    let expected = run(sizes, reference);
    assert_close(&run(sizes, &pass), &expected, name);
    let plain = (0_u32..).zip(sizes).map(|(salt, &n)| flat(&numbers(n, salt), &Device::flex())).collect();
    assert_close(&[values(pass(plain))], &expected[..1], name);
}

#[test]
fn linear_layers() {
    for (rows, inputs, outputs) in [(1, 1, 1), (7, 5, 3), (70, 33, 17), (130, 64, 128)] {
        let sizes = [rows * inputs, inputs * outputs, outputs];
        let read = |mut t: Vec<Flat>| {
            let bias = t.pop().map(|b| b.reshape([outputs]));
            let weight = t.pop().map(|w| w.reshape([inputs, outputs])).expect("a weight");
            (t.remove(0).reshape([1, rows, inputs]), weight, bias)
        };
        let name = format!("linear {rows} x {inputs} x {outputs}");
        let pass = |t| {
            let (x, weight, bias): (Tensor<3>, _, _) = read(t);
            super::linear(x, weight, bias)
        };
        let reference = |t| {
            let (x, weight, bias): (Tensor<3>, _, _) = read(t);
            portable::linear(x, weight, bias)
        };
        same(&name, &sizes, pass, reference);
        // Views: an input whose rows are not one behind the other, a weight that is a transpose, no bias.
        let views = |t: Vec<Flat>| {
            let x = t[0].clone().reshape([inputs, rows]).transpose();
            (x, t[1].clone().reshape([outputs, inputs]).transpose())
        };
        same(
            &name,
            &sizes[..2],
            |t| {
                let (x, weight) = views(t);
                super::linear(x, weight, None)
            },
            |t| {
                let (x, weight) = views(t);
                portable::linear(x, weight, None)
            },
        );
    }
}

#[test]
fn what_is_frozen_gets_no_gradient() {
    let weight = || flat(&numbers(12, 1), &device()).reshape([3, 4]);
    let x = flat(&numbers(6, 0), &device()).require_grad();
    let gradients = super::linear(x.clone().reshape([2, 3]), weight(), None).sum().backward();
    let expected = values(weight().sum_dim(1)).repeat(2);
    assert_close(&[values(x.grad(&gradients).expect("the input is trained"))], &[expected], "frozen weight");
    let trained = weight().require_grad();
    let fixed = flat(&numbers(6, 0), &device()).reshape([2, 3]);
    let gradients = super::linear(fixed.clone(), trained.clone(), None).sum().backward();
    let expected = portable::linear(fixed.transpose(), Tensor::ones([2, 4], &device()), None);
    assert_close(&[values(trained.grad(&gradients).expect("the weight is trained"))], &[values(expected)], "frozen x");
}

/// What rows are multiplied with, each in a stretch of its own.
fn mask_of_rows(rows: usize, width: usize, rate: f64) -> Tensor<2> {
    let mask = Mask::new(rate, &device()).expect("a mask");
    let mut factors = vec![1.0; rows * width];
    factors.chunks_exact_mut(width).enumerate().for_each(|(number, row)| mask.drop_in(number, row));
    flat(&factors, &device()).reshape([rows, width])
}

#[test]
fn low_rank_updates() {
    // The second goes through several tasks, and each of those through several parts.
    let cases = [(37, 19, 23, 4), (600, 150, 160, 2), (600, 70, 20, 64)];
    for (rate, (rows, inputs, outputs, rank)) in [0.0, 0.3].into_iter().flat_map(|rate| cases.map(|case| (rate, case)))
    {
        let read = move |t: &[Flat]| -> (Tensor<2>, Tensor<2>, Tensor<2>, Tensor<2>) {
            (
                t[0].clone().reshape([rows, outputs]),
                t[1].clone().reshape([rows, inputs]),
                t[2].clone().reshape([inputs, rank]),
                t[3].clone().reshape([rank, outputs]),
            )
        };
        let sizes = [rows * outputs, rows * inputs, inputs * rank, rank * outputs];
        let pass = |t: Vec<Flat>| {
            let (y, x, a, b) = read(&t);
            super::low_rank(y, x, a, b, 1.7, rate)
        };
        let reference = |t: Vec<Flat>| {
            let (y, x, a, b) = read(&t);
            let x = if rate == 0.0 { x } else { x * mask_of_rows(rows, inputs, rate) };
            portable::low_rank(y, x, a, b, 1.7, 0.0)
        };
        assert_close(&run(&sizes, pass), &run(&sizes, reference), &format!("low rank {rows}, dropout {rate}"));
    }
}

#[test]
fn linear_layers_with_an_update() {
    let (rows, inputs, outputs, rank) = (37, 19, 23, 4);
    for rate in [0.0, 0.3] {
        for with_bias in [true, false] {
            let read = |t: &[Flat]| -> (Tensor<2>, Tensor<2>, [Tensor<2>; 2], Option<Flat>) {
                let [a, b] = [t[2].clone().reshape([inputs, rank]), t[3].clone().reshape([rank, outputs])];
                let bias = with_bias.then(|| t[4].clone());
                (t[0].clone().reshape([rows, inputs]), t[1].clone().reshape([inputs, outputs]), [a, b], bias)
            };
            let sizes = [rows * inputs, inputs * outputs, inputs * rank, rank * outputs, outputs];
            let sizes = &sizes[..4 + usize::from(with_bias)];
            let pass = |t: Vec<Flat>| {
                let (x, weight, factors, bias) = read(&t);
                super::low_rank_linear(x, weight, bias, factors, 1.7, rate)
            };
            let reference = |t: Vec<Flat>| {
                let (x, weight, [a, b], bias) = read(&t);
                let y = portable::linear(x.clone(), weight, bias);
                let x = if rate == 0.0 { x } else { x * mask_of_rows(rows, inputs, rate) };
                portable::low_rank(y, x, a, b, 1.7, 0.0)
            };
            let name = format!("linear layer with an update, dropout {rate}, bias {with_bias}");
            assert_close(&run(sizes, pass), &run(sizes, reference), &name);
        }
    }
}

#[test]
fn an_output_that_others_see_is_not_written_over() {
    let device = Device::flex();
    let y = flat(&numbers(8, 0), &device).reshape([2, 4]);
    let x = flat(&numbers(6, 1), &device).reshape([2, 3]);
    let (a, b) = (Tensor::<2>::ones([3, 1], &device), Tensor::<2>::ones([1, 4], &device));
    super::low_rank(y.clone(), x, a, b, 1.0, 0.0);
    super::dropout_add(y.clone(), Tensor::ones([2, 4], &device), 0.0);
    assert_eq!(values(y), numbers(8, 0));
}

#[test]
fn attention_of_every_shape_and_mask() {
    for (batch, count, seq, keys, size) in [(1, 1, 1, 1, 1), (2, 3, 5, 5, 4), (3, 2, 4, 7, 8), (1, 2, 300, 300, 16)] {
        let sizes = [seq, keys, keys].map(|rows| batch * count * rows * size);
        for hide in [None, Some([batch, 1, keys]), Some([1, seq, keys]), Some([batch, seq, keys])] {
            let hide = hide.map(hidden);
            let of = |t: &[Flat]| {
                let query = heads(&t[0], [batch, seq, count, size]);
                let [key, value] = [1, 2].map(|number: usize| heads(&t[number], [batch, keys, count, size]));
                (query, key, value)
            };
            let pass = |t: Vec<Flat>| {
                let (query, key, value) = of(&t);
                super::attention(query, key, value, hide.as_ref(), 0.0)
            };
            let reference = |t: Vec<Flat>| {
                let (query, key, value) = of(&t);
                portable::attention(query, key, value, hide.as_ref(), 0.0)
            };
            let name =
                format!("attention {batch} {count} {seq} {keys} {size}, hidden {:?}", hide.as_ref().map(Tensor::dims));
            assert_close(&run(&sizes, pass), &run(&sizes, reference), &name);
        }
    }
}

#[test]
fn attention_gives_the_gradients_that_are_asked_for() {
    let dims = [2, 5, 3, 4];
    let inputs: Vec<Vec<f32>> = (0..3).map(|salt| numbers(dims.iter().product(), salt)).collect();
    let all = run(&[120; 3], |t| {
        let [query, key, value] = [0, 1, 2].map(|number: usize| heads(&t[number], dims));
        super::attention(query, key, value, None, 0.0)
    });
    for asked in [[true, false, true], [false, true, true], [true, false, false], [false, false, true]] {
        let tensors = [0, 1, 2].map(|number: usize| {
            let tensor = flat(&inputs[number], &device());
            if asked[number] { tensor.require_grad() } else { tensor }
        });
        let [query, key, value] = tensors.each_ref().map(|tensor| heads(tensor, dims));
        let output = super::attention(query, key, value, None, 0.0).reshape([120]);
        let gradients = (output * flat(&numbers(120, 99), &device())).sum().backward();
        for (number, tensor) in tensors.iter().enumerate() {
            match tensor.grad(&gradients) {
                Some(gradient) if asked[number] => assert_eq!(values(gradient), all[1 + number], "{asked:?}"),
                found => assert!(found.is_none() && !asked[number], "{asked:?}: {number}"),
            }
        }
    }
}

#[test]
fn attention_drops_the_same_weights_on_the_way_back() {
    let (batch, count, size) = (2, 3, 12);
    let rate = 0.25;
    let dims = [batch, size, count, size];
    let sizes = [batch * count * size * size; 3];
    let attend = |t: &[Flat], value: Tensor<4>, rate| {
        device().seed(5);
        super::attention(heads(&t[0], dims), heads(&t[1], dims), value, None, rate)
    };
    // With the identity as values, the output is the weights.
    let inputs: Vec<Flat> = [0, 1].map(|salt| flat(&numbers(sizes[0], salt), &device())).into();
    let identity = Tensor::<2>::eye(size, &device()).reshape([1, 1, size, size]).expand([batch, count, size, size]);
    let alone = seeded(5);
    let factors = attend(&inputs, identity.clone(), rate) / attend(&inputs, identity, 0.0);
    drop(alone);
    let factors = factors.reshape([batch, size, count, size]).swap_dims(1, 2);
    let share = values(factors.clone()).iter().filter(|&&factor| factor == 0.0).count() as f64 / sizes[0] as f64;
    assert!((share - rate).abs() < 0.05, "{share} of the weights are dropped");
    let pass = |t: Vec<Flat>| attend(&t, heads(&t[2], dims), rate);
    let reference = |t: Vec<Flat>| {
        let (query, key, value) = (heads(&t[0], dims), heads(&t[1], dims), heads(&t[2], dims));
        let scores = query.matmul(key.swap_dims(2, 3)) * (size as f64).powf(-0.5);
        let weights = burn::tensor::activation::softmax(scores, 3) * factors.clone();
        weights.matmul(value).swap_dims(1, 2).reshape([batch, size, count * size])
    };
    assert_close(&run(&sizes, pass), &run(&sizes, reference), "attention with dropout");
}

#[test]
fn activations() {
    use Activation::{Gelu, GeluTanh, Relu, Silu, Tanh};
    for kind in [Gelu, GeluTanh, Relu, Silu, Tanh] {
        for count in [1, 17, 5_000] {
            let wide = |t: Vec<Flat>| t[0].clone() * 3.0;
            let name = format!("{kind:?} of {count}");
            same(&name, &[count], |t| super::activation(wide(t), kind), |t| portable::activation(wide(t), kind));
        }
        let rows = |t: &[Flat]| t[0].clone().reshape([9, 7]);
        same(
            &format!("{kind:?}, scaled"),
            &[63, 7],
            |t| super::activation_scale(rows(&t), kind, t[1].clone()),
            |t| portable::activation_scale(rows(&t), kind, t[1].clone()),
        );
    }
}

#[test]
fn far_from_zero_nothing_overflows() {
    let x = [-1e4_f32, -90.0, -20.0, 20.0, 90.0, 1e4];
    let of = |kind| values(super::activation(flat(&x, &Device::flex()), kind));
    assert_eq!(of(Activation::Gelu), [0.0, 0.0, 0.0, 20.0, 90.0, 1e4]);
    assert_eq!(of(Activation::Tanh), [-1.0, -1.0, -1.0, 1.0, 1.0, 1.0]);
    for kind in [Activation::Silu, Activation::GeluTanh] {
        let found = of(kind);
        assert!(found[..3].iter().all(|y| y.abs() < 1e-6), "{kind:?}: {found:?}");
        assert_eq!(found[3..], [20.0, 90.0, 1e4]);
    }
}

#[test]
fn normalisation() {
    for (rows, width) in [(1, 1), (3, 5), (130, 48), (70, 312)] {
        let sizes = [rows * width, width, width];
        let read = |t: &[Flat]| (t[0].clone().reshape([rows, width]), t[1].clone());
        for with_bias in [true, false] {
            let bias = |t: &[Flat]| with_bias.then(|| t[2].clone());
            same(
                &format!("normalisation of {rows} x {width}"),
                &sizes[..2 + usize::from(with_bias)],
                |t| {
                    let ((x, gamma), beta) = (read(&t), bias(&t));
                    super::layer_norm(x, gamma, beta, 1e-5)
                },
                |t| {
                    let ((x, gamma), beta) = (read(&t), bias(&t));
                    portable::layer_norm(x, gamma, beta, 1e-5)
                },
            );
        }
    }
}

#[test]
fn scaling_by_a_vector_with_and_without_small_elements() {
    let rows = |t: &[Flat]| t[0].clone().reshape([70, 6]);
    // Far from 0, around 0, and 0 itself; the slope of each is 1.
    let vectors: [fn(Flat) -> Flat; 3] = [|l| l.abs() + 0.5, |l| l, |l| l.clone() - l.detach()];
    for (number, vector) in vectors.into_iter().enumerate() {
        same(
            &format!("scaling, vector {number}"),
            &[420, 6],
            |t| super::scale(rows(&t), vector(t[1].clone())),
            |t| portable::scale(rows(&t), vector(t[1].clone())),
        );
    }
}

#[test]
fn dropout_of_a_sum() {
    let sizes = [9_001, 9_001];
    for rate in [0.0, 0.4] {
        let pass = |t: Vec<Flat>| super::dropout_add(t[0].clone(), t[1].clone(), rate);
        let reference =
            |t: Vec<Flat>| t[0].clone() * super::dropout(Tensor::<1>::ones([9_001], &device()), rate) + t[1].clone();
        assert_close(&run(&sizes, pass), &run(&sizes, reference), &format!("dropout {rate} of a sum"));
    }
}

#[test]
fn a_mask_zeroes_its_share_and_keeps_the_mean_wherever_one_looks() {
    let n = 1 << 20;
    for probability in [0.1, 0.5] {
        let values = Mask::seeded(probability, 7).dropped_copy(&vec![1.0; n]);
        assert!(values.iter().all(|&v| v == 0.0 || v == (1.0 / (1.0 - probability)) as f32));
        let share = |values: &mut dyn Iterator<Item = &f32>| {
            let (zeros, all) = values.fold((0, 0), |(zeros, all), &v| (zeros + usize::from(v == 0.0), all + 1));
            zeros as f64 / all as f64
        };
        assert!((share(&mut values.iter()) - probability).abs() < 2e-3);
        // No lane of a word and no end of a part is another than the rest.
        for lane in 0..4 {
            assert!((share(&mut values.iter().skip(lane).step_by(4)) - probability).abs() < 4e-3, "lane {lane}");
        }
        // Neighbours, and the same places of two parts, are independent.
        for distance in [1, 4, super::memory::PART] {
            let pairs = values.iter().zip(&values[distance..]);
            let both = pairs.filter(|(a, b)| **a == 0.0 && **b == 0.0).count() as f64 / (n - distance) as f64;
            assert!((both - probability * probability).abs() < 3e-3, "distance {distance}: {both}");
        }
    }
}

#[test]
fn the_device_s_seed_decides_and_gradients_go_where_values_went() {
    let x = Tensor::<2>::ones([50, 70], &device()).require_grad();
    let run = |seed| {
        let _alone = seeded(seed);
        let y = super::dropout(x.clone(), 0.4);
        let gradient = x.grad(&y.clone().sum().backward()).expect("a gradient");
        assert_eq!(values(y.clone()), values(gradient));
        values(y)
    };
    let first = run(3);
    assert_eq!(first, run(3));
    assert_ne!(first, run(4));
    assert!(first.contains(&0.0) && first.contains(&(1.0 / 0.6)));
    // Without a backward pass nothing is dropped.
    let plain = super::dropout(Tensor::<2>::ones([50, 70], &Device::flex()), 0.4);
    assert!(values(plain).iter().all(|&v| v == 1.0));
}

#[test]
fn results_are_the_same_on_any_number_of_threads() {
    let (batch, seq, count, size) = (2, 200, 3, 16);
    let width = count * size;
    let block = |t: Vec<Flat>| {
        let x = t[0].clone().reshape([batch, seq, width]);
        let x = super::layer_norm(x, t[1].clone(), Some(t[2].clone()), 1e-5);
        let weight = t[3].clone().reshape([width, width]);
        let factors =
            [t[3].clone().slice(0..width * 4).reshape([width, 4]), t[1].clone().repeat_dim(0, 4).reshape([4, width])];
        let y = super::low_rank_linear(x.clone(), weight, Some(t[2].clone()), factors, 0.5, 0.1);
        let split = super::scale(y, t[1].clone()).reshape([batch, seq, count, size]).swap_dims(1, 2);
        super::attention(split.clone(), split.clone(), split, None, 0.1)
    };
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| run(&[batch * seq * width, width, width, width * width], block))
    };
    let one = on(1);
    // Not `assert_eq`: it would print them all.
    assert!(one == on(2), "two threads");
    assert!(one == on(5), "five threads");
}

#[test]
fn exponentials_are_close_and_exact_at_the_ends() {
    for x in (-8_700..8_837).map(|x| x as f32 / 100.0) {
        let expected = f64::from(x).exp();
        assert!((f64::from(exp(x)) / expected - 1.0).abs() < 2.5e-7, "e^{x}: {}, expected {expected}", exp(x));
    }
    assert_eq!([exp(0.0), exp(-1e30), exp(f32::NEG_INFINITY)], [1.0, 0.0, 0.0]);
    assert_eq!([exp(100.0), exp(f32::INFINITY)], [f32::INFINITY; 2]);
    assert!(exp(f32::NAN).is_nan());
}

/// By `scipy.stats.norm`, scipy 1.17.1.
#[test]
fn the_normal_distribution_is_scipy_s() {
    for (x, probability, density) in [
        (-8.0, 6.22096057427174e-16, 5.052271083536893e-15),
        (-5.0, 2.866515718791933e-07, 1.4867195147342979e-06),
        (-3.0, 0.0013498980316300933, 0.0044318484119380075),
        (-1.0, 0.15865525393145707, 0.24197072451914337),
        (-0.5, 0.3085375387259869, 0.35206532676429947),
        (0.0, 0.5, 0.3989422804014327),
        (0.25, 0.5987063256829237, 0.3866681168028493),
        (1.0, 0.8413447460685429, 0.24197072451914337),
        (2.0, 0.9772498680518208, 0.05399096651318806),
        (4.0, 0.9999683287581669, 0.00013383022576488537),
    ] {
        let (found_probability, found_density) = normal(x);
        assert!((f64::from(found_probability) / probability - 1.0).abs() < 4e-6, "Φ({x}) = {found_probability}");
        assert!((f64::from(found_density) / density - 1.0).abs() < 4e-6, "φ({x}) = {found_density}");
    }
    let worst =
        (-600..600).map(|x| x as f32 / 100.0).map(|x| (normal(x).0 + normal(-x).0 - 1.0).abs()).fold(0.0, f32::max);
    assert!(worst < 2e-7, "Φ(x) + Φ(-x) is off by {worst}");
}

#[test]
fn tensors_elsewhere_are_left_to_burn() {
    assert!(super::holds(&Tensor::<1>::ones([1], &Device::flex())));
    assert!(super::holds(&Tensor::<1>::ones([1], &device())));
    let halves = Tensor::<2>::random([3, 4], Distribution::Default, &device()).cast(burn::tensor::FloatDType::BF16);
    assert!(!super::holds(&halves));
    assert_eq!(crate::activation(halves, Activation::Gelu).dtype(), burn::tensor::DType::BF16);
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let ones = |shape| Tensor::<2>::ones(shape, &Device::flex());
    let vector = |width| Tensor::<1>::ones([width], &Device::flex());
    let head = |heads, rows| Tensor::<4>::ones([1, heads, rows, 2], &Device::flex());
    let hide = Tensor::<4, Bool>::full([1, 2, 1, 3], false, &Device::flex());
    let wrong: [&dyn Fn(); 7] = [
        &|| drop(crate::scale(ones([1, 3]), vector(4))),
        &|| drop(crate::scale(ones([4, 3]), vector(6))),
        &|| drop(crate::activation_scale(ones([4, 3]), Activation::Gelu, vector(6))),
        &|| drop(crate::layer_norm(ones([2, 4]), vector(2), None, 1e-5)),
        &|| drop(crate::dropout_add(ones([1, 3]), ones([2, 3]), 0.0)),
        &|| drop(crate::attention(head(2, 3), head(1, 3), head(1, 3), None, 0.0)),
        &|| drop(crate::attention(head(2, 3), head(2, 3), head(2, 3), Some(&hide), 0.0)),
    ];
    for (number, wrong) in wrong.into_iter().enumerate() {
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(wrong)).is_err(), "{number}");
    }
}

#[test]
fn what_burn_does_otherwise_is_left_to_burn() {
    // Another backend in burn's eyes, and nothing to do.
    let checkpointing = Device::flex().autodiff().gradient_checkpointing();
    let x = Tensor::<2>::ones([2, 3], &checkpointing).require_grad();
    let y = crate::linear(x.clone(), Tensor::ones([3, 4], &checkpointing), None);
    let gradients = crate::activation(y, Activation::Relu).sum().backward();
    assert_eq!(values(x.grad(&gradients).expect("a gradient")), [4.0; 6]);
    let nothing =
        crate::linear(Tensor::<2>::ones([0, 3], &Device::flex()), Tensor::ones([3, 4], &Device::flex()), None);
    assert_eq!(nothing.dims(), [0, 4]);
}

#[test]
fn a_relu_s_slope_is_burn_s_where_numbers_end() {
    let x = flat(&[f32::NAN, -1.0, 0.0, 2.0, f32::INFINITY], &device()).require_grad();
    for activation in [super::activation, portable::activation] {
        let gradient = x.grad(&activation(x.clone(), Activation::Relu).sum().backward()).expect("a gradient");
        assert_eq!(values(gradient), [1.0, 0.0, 0.0, 1.0, 1.0]);
    }
}
