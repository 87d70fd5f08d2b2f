using System.Globalization;
using OnnxMoe.Trainer.Experts;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>Says in words what a model is made of.</summary>
public static class ModelComposition
{
    /// <summary>A line on the whole, and a line for each run of equal blocks.</summary>
    public static IEnumerable<string> Describe(ModelOptions options, Model model) =>
        model is Classifier network and not EncoderClassifier ? [Network(options, network)] : Transformer(options, model);

    private static string Network(ModelOptions options, Classifier model)
    {
        var sizes = model.Sizes;
        var data = string.Create(CultureInfo.InvariantCulture, $"{sizes.Features * sizes.Length} features, {sizes.Classes} classes");
        return options.Backbone switch
        {
            ModelOptions.Convolutional => $"{(options.Cnn.Residual ? "residual " : "")}convolutional network, channels {string.Join(' ', options.Cnn.Channels)}, pooling before block {string.Join(" and ", options.Cnn.Pools)}; {data}",
            ModelOptions.BranchNetwork => $"{options.Branches.Blocks} blocks of width {options.Branches.Width} with depthwise branches of kernels {string.Join(' ', options.Branches.Kernels)}, hidden channels {string.Join(' ', options.Branches.Hidden)}; {data}",
            ModelOptions.CellNetwork => $"{options.Cells.Stages} stages of {options.Cells.CellsPerStage} cells of {options.Cells.Nodes} nodes, {options.Cells.Channels} channels at first; {data}",
            _ => $"residual perceptron of width {options.Mlp.Width}, hidden sizes {string.Join(' ', options.Mlp.Hidden)} ({options.Activation}), {data}",
        };
    }

    private static IEnumerable<string> Transformer(ModelOptions options, Model model)
    {
        var block = options.Block == "pre-norm" ? "" : $"{options.Block} ";
        yield return $"{options.Layers} {block}blocks of width {options.HiddenSize}, {Attention(options)}, context {options.ContextLength} tokens, "
            + (model is EncoderClassifier { Sizes: var sizes } ? $"bidirectional; classifies sequences of {sizes.Length} x {sizes.Features} features into {sizes.Classes} classes"
                : $"{Kind(model)}vocabulary {((TransformerModel)model).Vocabulary}{(options.TiedHead ? ", head tied to the embedding" : "")}")
            + (options.Residual.Kind == "plain" ? "" : $", residual {options.Residual.Kind}");
        var routed = model.RoutedLayers.DistinctBy(layer => layer.Number).ToDictionary(layer => layer.Number);
        var blocks = Enumerable.Range(0, options.Layers).Select(i => routed.TryGetValue(i, out var layer) ? Routed(options, layer) : $"dense {Ffn(options)}, hidden size {BlockBuilder.DenseHidden(options, i)}{(options.LayerHeads.Length > 0 ? $", {options.LayerHeads[i]} heads" : "")}").ToArray();
        if (model is EncoderDecoder)
        {
            foreach (var half in EncoderDecoder.SizesOfTarget(options).Select((written, i) => $"decoder block {i}: width {written.Width}, {written.Heads} heads, {written.CrossHeads} that look at the encoder, dense {Ffn(options)}, hidden size {written.Hidden}"))
                yield return half;
        }
        for (var first = 0; first < blocks.Length;)
        {
            var end = first + 1;
            while (end < blocks.Length && blocks[end] == blocks[first])
                end++;
            yield return $"{(end - first == 1 ? $"block {first}" : $"blocks {first}-{end - 1}")}: {blocks[first]}";
            first = end;
        }
    }

    private static string Kind(Model model) => model switch
    {
        MaskedLm => "bidirectional, finds masked tokens; ",
        EncoderDecoder => "reads one text and writes another; ",
        _ => "",
    };

    private static string Attention(ModelOptions options)
    {
        var bank = options.AttentionBank;
        var cache = options.KvHeads == 0 || options.KvHeads == options.Heads ? "" : $" sharing {options.KvHeads} keys and values";
        if (bank.Experts == 0)
            return $"attention of {options.Heads} heads{Heads(options.HeadRouting)}{cache}";
        var common = bank.KeyValues == AttentionBankOptions.Shared ? " with common keys and values" : "";
        return $"{bank.Experts} attention experts of {options.Heads} heads{cache}{common}, {(bank.ActiveExperts == 0 ? "all mixed" : $"{bank.ActiveExperts} for a token")}";
    }

    private static string Routed(ModelOptions options, RoutedLayer layer)
    {
        var shared = options.SharedExperts == 0 ? "" : $", {options.SharedExperts} shared always on";
        if (options.PreGate.Layers > 0 && BlockBuilder.SharedHidden(options, layer.Number) is > 0 and var permanent)
            shared = $", {permanent} more that all share";
        return $"{layer.Experts.Experts} routed experts ({Ffn(options)}, hidden size {BlockBuilder.ExpertHidden(options, layer.Number)}){Free(options.ZeroComputation)}, {layer.Router.ExpertsPerToken} for a token{shared}{Chain(options.Chain)}; "
            + (options.PreGate is { Layers: > 0 } gate ? $"one decision for all layers by a router of {gate.Layers} layers of width {gate.HiddenSize} that runs before the model" : Router(options.Router));
    }

    private static string Heads(HeadRoutingOptions heads) => heads.HeadsPerToken == 0 ? "" : $" of which a token activates {heads.HeadsPerToken}";

    private static string Free(ZeroComputationOptions free)
    {
        var kinds = new (string Name, int Count)[] { ("constant", free.Constant), ("copy", free.Copy), ("zero", free.Zero) };
        return string.Concat(kinds.Where(kind => kind.Count > 0).Select(kind => $" + {kind.Count} {kind.Name}"));
    }

    private static string Chain(ChainOptions chain)
    {
        var residuals = $"residual base {chain.Base}, inner residual {(chain.Inner ? "on" : "off")}, outer {(chain.Outer ? "on" : "off")}";
        return chain is { Iterations: 1, Base: "raw" } ? ""
            : $" in each of {chain.Iterations} iterations over the same experts (gate: {chain.Gate}; {residuals}{(chain.SharedOnce ? "; shared experts in the first alone" : "")})";
    }

    private static string Router(RouterOptions router)
    {
        var losses = new (string Name, double Coefficient)[]
        {
            ($"balance over the {router.BalanceScope}", router.BalanceSchedule.Length > 0 ? 0 : router.BalanceLoss), ($"balance over {router.DeviceGroups} device groups", router.DeviceBalanceLoss), ("z", router.ZLoss),
        };
        var used = losses.Where(loss => loss.Coefficient > 0).Select(loss => FormattableString.Invariant($"{loss.Name} {loss.Coefficient}")).ToArray();
        if (router.BalanceSchedule.Length > 0)
            used = [$"balance over the {router.BalanceScope} {router.BalanceSchedule}", .. used];
        var capacity = router.Capacity.Factor > 0 ? FormattableString.Invariant($", capacity {router.Capacity.Factor} in training") : "";
        return $"router: {router.Scores} scores{(router.Bias ? " with bias" : "")}{(router.GatingResidual != "none" ? " + gating residual" : "")}{(router.Frozen ? ", frozen" : "")}{(router.Mixer.Kind == "none" ? "" : $", probabilities averaged over tokens by {router.Mixer.Kind}")}, "
            + $"{router.Selection}{Active(router.ActiveExperts)}, weights {router.WeightRule}{capacity}; "
            + (used.Length == 0 ? "no router losses" : $"losses: {string.Join(", ", used)}");
    }

    private static string Active(ActiveExpertsOptions active) =>
        (active.Schedule == "none" ? "" : active.Schedule == "multi-step" ? $" growing through {string.Join(',', active.Stages)} experts" : $" growing from {active.Least} experts ({active.Schedule})")
        + (active.Offered.Length == 0 ? "" : $", callers choose {string.Join(',', active.Offered)} experts");

    private static string Ffn(ModelOptions options) => options.Gated ? $"gated {options.Activation}" : options.Activation;
}
