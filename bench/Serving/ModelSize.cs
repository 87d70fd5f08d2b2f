using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Bench.Serving;

/// <summary>The sizes of a model, in the order of the command line.</summary>
internal sealed record ModelSize(int Width, int Layers, int Heads, int KeyHeads, int Hidden, int Experts, int Picks, int Vocabulary)
{
    /// <summary>Weights that a token meets, without the embedding.</summary>
    public long ActiveWeights => (long)Layers * (2L * Width * Width + 2L * Width * (Width / Heads * KeyHeads) + 3L * Picks * Width * Hidden + (long)Width * Experts) + (long)Width * Vocabulary;

    /// <summary>As the trainer wants them.</summary>
    /// <param name="context">Tokens of prompt and answer together.</param>
    public ModelOptions OptionsFor(int context) => new()
    {
        HiddenSize = Width,
        Layers = Layers,
        Heads = Heads,
        KvHeads = KeyHeads,
        ExpertHidden = Hidden,
        Experts = Experts,
        ExpertsPerToken = Picks,
        ContextLength = context,
        FirstDenseLayers = 0,
        SharedExperts = 0,
    };
}
