using System.Globalization;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Experiments.Verdicts;

namespace OnnxMoe.Experiments.Systems;

/// <summary>Experts of a dense model by what each domain activates, with one router before the model (Cai et al. 2024, arXiv 2410.19123).</summary>
public sealed class ReadMe : Experiment
{
    private const string Mean = TinyArm.Bits;

    public override string Name => "12-read-me";

    public override string System => "Read-ME";

    public override string Paper => "2410.19123";

    public override string Citation => "Cai et al. (2024), Read-ME: Refactorizing LLMs as Router-Decoupled Mixture of Experts with System Co-Design, NeurIPS 2024";

    public override string WhatItIs => "a dense model cut into experts by what each domain activates; one small router before the model decides for all layers, so that a server knows experts ahead";

    public override string Claim => "experts cut out by domain and chosen before the model runs beat random cuts and random choices, and knowing them ahead needs fewer experts a batch and fewer loads";

    public override string Recipe => "read-me";

    public override string Source => "sotu,manpages,foldoc,code";

    public override ExperimentResult Run(ExperimentContext context)
    {
        var models = new PhaseModels(context);
        var domains = context.Data.Domains;
        TinySetup Dense() => context.Tiny(
            model => (model.Layers, model.FirstDenseLayers, model.DenseHidden) = (2, 2, 256),
            trainer => (trainer.Steps, trainer.WarmupSteps, trainer.EvaluationTokens) = (1200, 60, 131072));
        TinySetup Tuned(bool experts) => context.Tiny(
            model =>
            {
                (model.Layers, model.FirstDenseLayers, model.DenseHidden, model.Experts, model.ExpertsPerToken) = (2, experts ? 0 : 2, 256, domains.Count, 1);
                if (experts)
                    model.PreGate = new() { Layers = 1, HiddenSize = 64, Heads = 4 };
            },
            trainer =>
            {
                (trainer.Steps, trainer.WarmupSteps, trainer.EvaluationTokens, trainer.LearningRate, trainer.FinalLearningRate) = (420, 0, 131072, 1e-3, 0);
                trainer.Alternation = new() { RouterSteps = 60, BackboneSteps = 150, RouterLearningRate = 2e-3 };
            });
        var dense = new TinyArm("dense", "the model that all others are cut from: hidden size 256", Dense(), (run, result) =>
        {
            models.Keep("dense", result.Seed, run.Model);
            foreach (var (domain, bits) in domains.Zip(run.Bits(run.Validation)))
                result[ReadMeArm.Bits(domain.Name)] = bits;
        });
        var arms = context.RunAll(
            dense,
            new ReadMeExperts("Read-ME", $"{domains.Count} experts, the half that each domain activates most; a router of 1 layer before the model", () => Tuned(true), dense, models),
            new ReadMeSharedMask("S", "one half for all text, that with the highest mean importance", () => Tuned(false), dense, models),
            new ReadMeExperts("Rnd", $"{domains.Count} experts of random halves, the same router", () => Tuned(true), dense, models) { RandomMasks = true },
            new ReadMeExperts("U", "the experts of Read-ME, a random one for each sequence in tuning and afterwards", () => Tuned(true), dense, models) { RandomExperts = true });
        var (readMe, shared, random, uniform) = (arms[1], arms[2], arms[3], arms[4]);
        Claim Better(ClaimKind kind, string text, string measure) => new(kind, text, measure + " (bits a byte, mean over the domains)");
        Claim Served(string text, string measure) => new(ClaimKind.Primary, text, measure);
        ClaimResult Hits(int capacity) => Served($"A cache of {capacity} experts that knows what is queued hits more often than LRU", "hit rate, Belady minus LRU")
            .Judge(PairedDifference.Of(readMe, ReadMeServing.HitRate("belady", capacity), readMe, ReadMeServing.HitRate("lru", capacity)));
        ClaimResult[] claims =
        [
            Better(ClaimKind.Primary, "Before tuning, the expert of a domain beats one shared half on it", "S minus Read-ME with the expert of the domain")
                .Judge(PairedDifference.Of(shared, readMe, ReadMeArm.StartBits)),
            Better(ClaimKind.Primary, "After tuning it beats experts of random units", "Rnd minus Read-ME").Judge(PairedDifference.Of(random, readMe, Mean)),
            Better(ClaimKind.Primary, "After tuning it beats a random choice of the same experts", "U minus Read-ME").Judge(PairedDifference.Of(uniform, readMe, Mean)),
            Served("Expert-aware batches need fewer experts than decode-first ones", "experts a batch, decode-first minus expert-aware")
                .Judge(PairedDifference.Of(readMe, ReadMeServing.DecodeFirst, readMe, ReadMeServing.AwareExperts)),
            Served("Expert-aware batches need fewer experts than prefill-first ones", "experts a batch, prefill-first minus expert-aware")
                .Judge(PairedDifference.Of(readMe, ReadMeServing.PrefillFirst, readMe, ReadMeServing.AwareExperts)),
            Hits(2),
            Hits(3),
            Better(ClaimKind.Report, "It beats one shared half after tuning", "S minus Read-ME").Judge(PairedDifference.Of(shared, readMe, Mean)),
            Better(ClaimKind.Report, "It comes near the dense model", "dense minus Read-ME").Judge(PairedDifference.Of(arms[0], readMe, Mean)),
            Better(ClaimKind.Report, "The router is as good as knowing the domain", "Read-ME with the expert of the domain minus Read-ME").Judge(PairedDifference.Of(readMe, ReadMeExperts.OracleBits, readMe, Mean)),
        ];
        string Bits(ArmResult arm) => arm.Runs.Average(run => run[Mean]).ToString("F3", CultureInfo.InvariantCulture);
        string Number(string measure) => readMe.Runs.Average(run => run[measure]).ToString("F2", CultureInfo.InvariantCulture);
        return new ExperimentResult(
            "2 layers of width 64. A dense model (1200 steps of 16 x 64 bytes of four domains in equal parts, AdamW at 2e-3) is cut at keep rate 0.5, so that 127 of 256 hidden units stay in each expert; then 2 rounds of 60 steps of the router "
            + "(at 2e-3, the published code's distillation) and 150 of the model (at 1e-3, times 0.8 in the second round). All tuned arms of a seed start from the same dense model and meet the same batches.",
            arms,
            [
                new Metric(Mean, "bits a byte"), .. domains.Select(domain => new Metric(ReadMeArm.Bits(domain.Name), domain.Name)),
                new Metric(ReadMeArm.StartBits, "before tuning"), new Metric(ReadMeExperts.OracleBits, "expert of the domain"), new Metric(ReadMeExperts.UniformBits, "random expert"),
                new Metric(TinyArm.BusiestExpert, "busiest expert (x even share)", "F2"), new Metric(ReadMeServing.Kept, "tokens that keep the expert", "F3"),
                new Metric(ReadMeServing.AwareExperts, "experts a batch: expert-aware", "F2"), new Metric(ReadMeServing.DecodeFirst, "decode-first", "F2"), new Metric(ReadMeServing.PrefillFirst, "prefill-first", "F2"),
                .. from policy in new[] { "belady", "lru" } from capacity in new[] { 2, 3 } select new Metric(ReadMeServing.HitRate(policy, capacity), $"hit rate: {policy}, {capacity} of {domains.Count}", "F3"),
                new Metric(TinyArm.Parameters, "parameters", "N0"), new Metric(TinyArm.ActiveParameters, "active", "N0"), new Metric(TinyArm.Seconds, "training (s)", "F0"),
            ],
            claims,
            $"bits a byte {Bits(readMe)} against {Bits(random)} of random cuts, {Bits(uniform)} of a random choice, {Bits(shared)} of one shared half, {Bits(arms[0])} dense; "
            + $"experts a batch {Number(ReadMeServing.AwareExperts)} against {Number(ReadMeServing.DecodeFirst)}; hit rate of 2 experts {Number(ReadMeServing.HitRate("belady", 2))} against {Number(ReadMeServing.HitRate("lru", 2))} (LRU)")
        {
            Notes =
            [
                "Before tuning, experts are measured with that of each domain on its own text, since the router is random then; so is Rnd, whose halves belong to no domain.",
                "One shared half sees all the tuning text, and each expert the part that is routed to it, so at this size S is a baseline to report and no gate; the paper's point is the same quality at more parameters than are active.",
                "A random choice is the mean over all choices: U and the column are not sampled.",
                "The published code tunes masks over the dense weights and cuts afterwards; here the cut comes first, what experts share outside of the permanent part is tuned apart, and the router's teacher stays the untuned dense model.",
                "Serving is simulated on the decisions for validation text: 256 windows in random order, half prompt, half generated, 2 arriving for each batch of 64 tokens, which is twice what can be served; no bound on the age, as in the paper.",
            ],
        };
    }
}
