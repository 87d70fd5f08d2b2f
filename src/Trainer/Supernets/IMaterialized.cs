using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>A model that is trained in another form than it is used in: what training ends with is an ordinary model.</summary>
public interface IMaterialized
{
    /// <summary>The ordinary model, and the recipe's section Model of it.</summary>
    (Classifier Model, ModelOptions Options) Materialize();
}
