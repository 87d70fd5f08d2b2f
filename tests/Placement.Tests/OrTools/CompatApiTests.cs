using System.Reflection;
using System.Runtime.Loader;

namespace OnnxMoe.Placement.Tests.OrTools;

public sealed class CompatApiTests
{
    const BindingFlags Declared = BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    [Fact]
    public void EveryPublicMemberIsOneOfTheOfficialAssembly()
    {
        var known = File.ReadLines(Support.Some.Data("ortools-api.txt")).ToHashSet();
        var ours = Members(Load()).ToList();
        Assert.True(ours.Count > 150, $"only {ours.Count} members were found");
        Assert.Equal([], ours.Except(known));
    }

    static Assembly Load()
    {
        var path = typeof(CompatApiTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "CompatOrTools").Value!;
        return new AssemblyLoadContext("compat").LoadFromAssemblyPath(Path.GetFullPath(path));
    }

    static IEnumerable<string> Members(Assembly assembly) =>
        from type in assembly.GetExportedTypes()
        from line in type.GetConstructors(Declared).Select(c => $"M {Name(type)}..ctor({Parameters(c)})")
            .Concat(type.GetMethods(Declared).Where(m => !m.IsSpecialName || m.Name.StartsWith("op_", StringComparison.Ordinal))
                .Select(m => $"M {(m.IsStatic ? "static " : "")}{Name(m.ReturnType)} {Name(type)}.{m.Name}({Parameters(m)})"))
            .Concat(type.GetFields(Declared).Where(f => f.IsLiteral).Select(f => $"F static {Name(type)} {Name(type)}.{f.Name} = {f.GetRawConstantValue()}"))
        select line;

    static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(p => $"{Name(p.ParameterType)} {p.Name}"));

    static string Name(Type type)
    {
        if (type.IsArray)
            return Name(type.GetElementType()!) + "[" + new string(',', type.GetArrayRank() - 1) + "]";
        var name = type.Name switch
        {
            "Int64" => "long",
            "Int32" => "int",
            "Double" => "double",
            "Boolean" => "bool",
            "String" => "string",
            "Void" => "void",
            _ => (type.DeclaringType is { } owner ? Name(owner) + "." : type.Namespace is null or "System" ? "" : type.Namespace + ".") + type.Name.Split('`')[0],
        };
        return type.IsGenericType ? $"{name}<{string.Join(",", type.GetGenericArguments().Select(Name))}>" : name;
    }
}
