// Unity's compiler, for which the npm package prepares the sources, brings this namespace along.
global using System.Reflection;
