namespace TorchSharp.Modules;

/// <summary>What an optimizer remembers of one parameter.</summary>
public abstract class OptimizerState
{
    /// <param name="parameter">The parameter; its state is found by its place in the list of all.</param>
    public OptimizerState(Parameter parameter)
    {
    }

    public virtual void Initialize(OptimizerOptions options)
    {
    }
}
