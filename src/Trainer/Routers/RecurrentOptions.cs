using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Routers;

/// <summary>The recipe's section Model:Router:Recurrent: scores from a state that is handed from layer to layer.</summary>
public sealed class RecurrentOptions
{
    [Setting("Width of the state", Min = 1)]
    public int Width { get; set; } = 128;

    [Setting("The recurrent cell, one for all layers", Choices = "gru|rnn|lstm")]
    public string Cell { get; set; } = "gru";

    [Setting("Hand the state from layer to layer; without, every layer starts from zero")]
    public bool Pass { get; set; } = true;

    [Setting("Hand the state on without its gradient")]
    public bool Detach { get; set; }

    [Setting("The matrix from the stream to the cell: one a layer, or one for all", Choices = "layerwise|shared")]
    public string Projector { get; set; } = "layerwise";

    [Setting("How much of the previous routed layer's scores is added to a layer's; 0: nothing", Min = 0)]
    public double LogitResidual { get; set; }

    [Setting("What training leaves as it is, as in fine-tuning: nothing, the score matrices, or these and the cell", Choices = "none|scores|scores-and-cell")]
    public string Frozen { get; set; } = "none";
}
