namespace OnnxMoe.EndToEnd.Tests.Support;

/// <summary>The tests that share the one trained model.</summary>
[CollectionDefinition(Name)]
public sealed class ChainCollection : ICollectionFixture<Chain>
{
    public const string Name = "chain";
}
