//! What cannot be answered, and what is refused.

use mlp_core::metrics::{
    Binning, Confusion, EvaluateOptions, Evaluation, MetricError, Sessions, average_precision,
    brier, calibration_error, choice_log_loss, choice_losses, evaluate, log_loss, mrr, ndcg,
    precision_at_1, precision_at_k, reliability, roc_auc, session_ndcg, session_precision,
    session_reciprocal_rank,
};

#[test]
fn nothing_is_known_of_no_rows() {
    let none = Sessions::from_runs::<u64>(&[]);
    assert!(none.is_empty());
    let found = evaluate(&[], &[], Some(&none), &EvaluateOptions::default());
    assert_eq!(found, Ok(Evaluation::default()));
    assert_eq!(choice_log_loss(&[], &[], &none), Ok(None));
    assert_eq!(session_ndcg(&[], &[], None), Ok(None));
    assert_eq!(session_precision(&[], &[], 1), Ok(None));
    assert_eq!(session_reciprocal_rank(&[], &[]), Ok(None));
    assert_eq!(reliability(&[], &[], Binning::EqualMass(5)), Ok(vec![]));
    assert_eq!(calibration_error(&[], &[], Binning::EqualMass(5)), Ok(None));
}

#[test]
fn a_single_class_has_no_order() {
    let sessions = Sessions::equal(4, 2).unwrap();
    for label in [false, true] {
        let labels = [label; 4];
        let scores = [0.1, 0.9, 0.3, 0.2];
        let found = evaluate(
            &labels,
            &scores,
            Some(&sessions),
            &EvaluateOptions::default(),
        );
        let found = found.unwrap();
        assert_eq!((found.auc, found.average_precision), (None, None));
        assert_eq!(found.precision_at_1, label.then_some(1.0));
        assert_eq!(found.ndcg, label.then_some(1.0));
        assert_eq!(found.mrr, label.then_some(1.0));
        assert_eq!(found.picked_sessions, if label { 2 } else { 0 });
        assert!(found.log_loss.is_some() && found.brier.is_some());
    }
}

#[test]
fn sessions_without_a_pick_are_left_out_of_ranking() {
    let sessions = Sessions::from_lengths([2, 3, 1]).unwrap();
    let labels = [false, true, false, false, false, true];
    let scores = [0.9, 0.1, 0.5, 0.6, 0.7, 0.2];
    assert_eq!(precision_at_1(&labels, &scores, &sessions), Ok(Some(0.5)));
    assert_eq!(mrr(&labels, &scores, &sessions), Ok(Some(0.75)));
    let found = evaluate(
        &labels,
        &scores,
        Some(&sessions),
        &EvaluateOptions::default(),
    );
    let found = found.unwrap();
    assert_eq!(
        (found.rows, found.sessions, found.picked_sessions),
        (6, 3, 2)
    );
}

#[test]
fn lengths_must_agree() {
    let wrong = |what, expected, found| MetricError::LengthMismatch {
        what,
        expected,
        found,
    };
    let (two, three) = ([true, false], [0.1, 0.2, 0.3]);
    assert_eq!(roc_auc(&two, &three), Err(wrong("scores", 2, 3)));
    assert_eq!(average_precision(&two, &three), Err(wrong("scores", 2, 3)));
    assert_eq!(Confusion::at(0.5, &two, &three), Err(wrong("scores", 2, 3)));
    assert_eq!(
        session_reciprocal_rank(&two, &three),
        Err(wrong("scores", 2, 3))
    );
    assert_eq!(
        session_ndcg(&[1.0], &three, None),
        Err(wrong("scores", 1, 3))
    );
    for refused in [
        log_loss(&two, &three),
        brier(&two, &three),
        calibration_error(&two, &three, Binning::EqualWidth(10)),
    ] {
        assert_eq!(refused, Err(wrong("probabilities", 2, 3)));
    }
    let sessions = Sessions::equal(4, 2).unwrap();
    assert_eq!(mrr(&two, &three, &sessions), Err(wrong("labels", 4, 2)));
    assert_eq!(
        mrr(&[false; 4], &three, &sessions),
        Err(wrong("scores", 4, 3))
    );
    let options = EvaluateOptions::default();
    let found = evaluate(&two, &[0.1, 0.2], Some(&sessions), &options);
    assert_eq!(found, Err(wrong("labels", 4, 2)));
    assert_eq!(
        choice_losses(&two, &three, &sessions),
        Err(wrong("labels", 4, 2))
    );
}

#[test]
fn nan_is_refused_where_it_stands() {
    let labels = [true, false, true, false];
    let scores = [0.1, 0.2, f64::NAN, 0.3];
    let sessions = Sessions::equal(4, 2).unwrap();
    let refused = Err(MetricError::NotANumber { index: 2 });
    assert_eq!(roc_auc(&labels, &scores), refused);
    assert_eq!(average_precision(&labels, &scores), refused);
    assert_eq!(mrr(&labels, &scores, &sessions), refused);
    assert_eq!(ndcg(&labels, &scores, &sessions, None), refused);
    assert_eq!(session_precision(&labels, &scores, 1), refused);
    assert!(Confusion::at(0.5, &labels, &scores).is_err());
    assert_eq!(
        Confusion::at(f64::NAN, &labels, &[0.0; 4]),
        Err(MetricError::BadThreshold)
    );
}

#[test]
fn probabilities_are_from_0_to_1() {
    for bad in [f64::NAN, -1e-9, 1.0 + 1e-9, f64::INFINITY] {
        let (labels, p) = ([true, false], [0.5, bad]);
        let at_one = |e: MetricError| matches!(e, MetricError::NotAProbability { index: 1, .. });
        assert!(log_loss(&labels, &p).is_err_and(at_one), "{bad}");
        assert!(brier(&labels, &p).is_err_and(at_one), "{bad}");
        assert!(reliability(&labels, &p, Binning::EqualMass(2)).is_err_and(at_one));
        assert!(evaluate(&labels, &p, None, &EvaluateOptions::default()).is_err_and(at_one));
        let sessions = Sessions::equal(2, 2).unwrap();
        assert!(choice_losses(&labels, &p, &sessions).is_err_and(at_one));
    }
}

#[test]
fn counts_start_at_one() {
    let zero = |what| MetricError::Zero { what };
    let (labels, scores) = ([true, false], [0.2, 0.1]);
    let sessions = Sessions::equal(2, 2).unwrap();
    assert_eq!(session_precision(&labels, &scores, 0), Err(zero("k")));
    assert_eq!(session_ndcg(&[1.0, 0.0], &scores, Some(0)), Err(zero("k")));
    assert_eq!(
        precision_at_k(&labels, &scores, &sessions, 0),
        Err(zero("k"))
    );
    assert_eq!(ndcg(&labels, &scores, &sessions, Some(0)), Err(zero("k")));
    for binning in [Binning::EqualWidth(0), Binning::EqualMass(0)] {
        assert_eq!(reliability(&labels, &scores, binning), Err(zero("bins")));
    }
    assert_eq!(Sessions::equal(4, 0), Err(zero("per_session")));
}

#[test]
fn absurd_bin_counts_cost_nothing() {
    let (labels, p) = ([true, false, true], [0.0, 0.5, 1.0]);
    for bins in [4, 1_000_000, usize::MAX] {
        for binning in [Binning::EqualWidth(bins), Binning::EqualMass(bins)] {
            let table = reliability(&labels, &p, binning).unwrap();
            assert_eq!(
                table.iter().map(|bin| bin.rows).collect::<Vec<_>>(),
                [1, 1, 1]
            );
        }
    }
}

#[test]
fn equal_mass_keeps_the_order_of_equal_probabilities() {
    let observed = |labels: [bool; 2], p: [f64; 2]| {
        let table = reliability(&labels, &p, Binning::EqualMass(2)).unwrap();
        table.iter().map(|bin| bin.observed).collect::<Vec<_>>()
    };
    assert_eq!(observed([true, false], [0.3, 0.3]), [1.0, 0.0]);
    assert_eq!(observed([true, false], [0.0, -0.0]), [1.0, 0.0]);
}

#[test]
fn reliability_tells_rows_means_and_range() {
    let labels = [true, false, false, true, true];
    let table = reliability(&labels, &[1.0, 0.2, 0.0, 0.9, 0.1], Binning::EqualWidth(2)).unwrap();
    let ranges: Vec<_> = table
        .iter()
        .map(|b| (b.rows, b.min, b.max, b.observed))
        .collect();
    assert_eq!(ranges, [(3, 0.0, 0.2, 1.0 / 3.0), (2, 0.9, 1.0, 1.0)]);
    assert!((table[1].predicted - 0.95).abs() < 1e-12);
}

#[test]
fn gains_are_finite_and_not_negative() {
    for bad in [-0.5, f64::NAN, f64::INFINITY] {
        let refused = session_ndcg(&[1.0, bad], &[0.1, 0.2], None);
        assert!(refused.is_err_and(|e| matches!(e, MetricError::BadGain { index: 1, .. })));
    }
    let huge = session_ndcg(&[f64::MAX, f64::MAX, f64::MAX], &[0.1, 0.2, 0.1], None);
    assert_eq!(huge, Ok(Some(1.0)));
    assert_eq!(session_ndcg(&[0.0, 0.0], &[0.1, 0.2], None), Ok(None));
}

#[test]
fn offsets_start_at_0_and_increase() {
    for (offsets, index) in [
        (vec![], 0),
        (vec![1, 2], 0),
        (vec![0, 2, 2], 2),
        (vec![0, 3, 2], 2),
        (vec![0, 0], 1),
    ] {
        let refused = Sessions::from_offsets(offsets);
        assert_eq!(refused, Err(MetricError::BadOffset { index }));
    }
    assert_eq!(
        Sessions::from_lengths([2, 0]),
        Err(MetricError::BadOffset { index: 2 })
    );
    assert!(Sessions::from_lengths([usize::MAX, 1]).is_err());
    let sessions = Sessions::from_offsets(vec![0, 1, 4]).unwrap();
    assert_eq!((sessions.len(), sessions.rows()), (2, 4));
    assert_eq!(sessions.ranges().collect::<Vec<_>>(), [0..1, 1..4]);
    assert_eq!(Sessions::equal(6, 3).unwrap().offsets(), [0, 3, 6]);
    assert_eq!(Sessions::equal(0, 3).unwrap().offsets(), [0]);
    let refused = Sessions::equal(7, 3).unwrap_err().to_string();
    assert_eq!(refused, "`rows` has 7 values, must have 6");
}

#[test]
fn a_choice_is_one_pick_of_at_most_certainty() {
    let sessions = Sessions::equal(4, 2).unwrap();
    let quarter = [0.25; 4];
    let two_picks = choice_losses(&[false, false, true, true], &quarter, &sessions);
    let refused = MetricError::ManyPicks {
        session: 1,
        picks: 2,
    };
    assert_eq!(two_picks, Err(refused));
    let excess = choice_losses(&[false; 4], &[0.5, 0.25, 0.75, 0.5], &sessions);
    let refused = MetricError::ExcessProbability {
        session: 1,
        total: 1.25,
    };
    assert_eq!(excess, Err(refused));
    // A sum over one by rounding leaves nothing for "none", which is finite all the same.
    let losses = choice_losses(&[false; 4], &[0.5, 0.5 + 1e-9, 0.0, 0.0], &sessions).unwrap();
    assert_eq!(losses[0], -f64::EPSILON.ln());
    assert!(losses[1] < 1e-15);
}

#[test]
fn an_evaluation_is_json_with_null_for_the_undefined() {
    let options = EvaluateOptions::default();
    let found = evaluate(&[false, false], &[0.25, 0.25], None, &options).unwrap();
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["auc"], serde_json::Value::Null);
    assert_eq!(json["brier"], 0.0625);
    assert_eq!(json["rows"], 2);
    assert_eq!(json.as_object().unwrap().len(), 15);
    assert_eq!(serde_json::from_value::<Evaluation>(json).unwrap(), found);
    assert_eq!(
        serde_json::from_str::<Evaluation>("{}").unwrap(),
        Evaluation::default()
    );
}

#[test]
fn options_are_heeded() {
    let labels = [true, false, false, false];
    let p = [0.4, 0.3, 0.2, 0.6];
    let sessions = Sessions::equal(4, 4).unwrap();
    let options = EvaluateOptions {
        threshold: 0.4,
        binning: Binning::EqualMass(1),
        ndcg_k: Some(1),
    };
    let found = evaluate(&labels, &p, Some(&sessions), &options).unwrap();
    assert_eq!((found.precision, found.recall), (Some(0.5), Some(1.0)));
    assert_eq!(found.ndcg, Some(0.0));
    assert!((found.calibration_error.unwrap() - 0.125).abs() < 1e-12);
}
